/** Patterns of interface names, such as `veth*`: `*` stands for any characters, or none. */

/** Linux has it in every network namespace; no pattern means it. */
const LOOPBACK = 'lo';

export const isPattern = (target: string): boolean => target.includes('*');

/** @returns whether a pattern means an interface */
export function matcher(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  const expression = new RegExp(`^${parts.join('.*')}$`);
  return (name) => name !== LOOPBACK && expression.test(name);
}

/** Whether some interface could be meant by both; a name without `*` means itself. */
export function overlap(one: string, other: string): boolean {
  if (one === LOOPBACK || other === LOOPBACK) return one === other;
  const reach = (a: string, b: string): boolean => {
    if (a === '' && b === '') return true;
    if (a.startsWith('*')) return reach(a.slice(1), b) || (b !== '' && reach(a, b.slice(1)));
    if (b.startsWith('*')) return reach(b, a);
    return a !== '' && a[0] === b[0] && reach(a.slice(1), b.slice(1));
  };
  return reach(one, other);
}
