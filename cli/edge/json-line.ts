/** The Workers log JSON lines themselves; what the runtime says besides is wrapped. */
export function asJsonLine(level: string, message: string): string {
  return message.startsWith('{') ? message : JSON.stringify({ level, event: 'runtime', message });
}
