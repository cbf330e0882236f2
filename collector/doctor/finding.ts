/** What a look at the host found: one line a finding, with what to do where something is missing. */

export interface Finding {
  readonly name: string;
  /** `limited`: the collector works, with what `text` says missing. `missing`: it does not work so. */
  readonly state: 'ok' | 'limited' | 'missing';
  readonly text: string;
  /** What the operator can do; absent where nothing is to be done. */
  readonly remedy?: string;
}

export const ok = (name: string, text: string): Finding => ({ name, state: 'ok', text });
export const limited = (name: string, text: string, remedy: string): Finding => ({
  name,
  state: 'limited',
  text,
  remedy,
});
export const missing = (name: string, text: string, remedy: string): Finding => ({
  name,
  state: 'missing',
  text,
  remedy,
});
