/** What is never dropped: the owner's list, and what this host cannot live without. It always wins. */
import { MAX_ALLOWED } from '../kernel/layout.ts';
import { type AddressRange, contains } from './address-range.ts';

/** Why a range is allowed. */
export const ALLOWED_BECAUSE = [
  'configured',
  'own address',
  'gateway',
  'edge',
  'name server',
  'login session',
] as const;
export type AllowedBecause = (typeof ALLOWED_BECAUSE)[number];

export interface AllowedRange {
  readonly range: AddressRange;
  readonly because: AllowedBecause;
}

export type Found = Partial<Record<AllowedBecause, readonly AddressRange[]>>;

export class Allowlist {
  #ranges = new Map<string, AllowedRange>();
  /** Ranges that found no room in the kernel's map; those of the first reasons go in first. */
  notKept = 0;

  get ranges(): readonly AllowedRange[] {
    return [...this.#ranges.values()];
  }

  /** Why every address of the range is allowed; null where one is not. */
  reasonFor(range: AddressRange): AllowedBecause | null {
    for (const allowed of this.#ranges.values()) if (contains(allowed.range, range)) return allowed.because;
    return null;
  }

  /** Takes what was found in the place of what was there. @returns what came and what went */
  replace(found: Found): { came: AllowedRange[]; went: AllowedRange[] } {
    const next = new Map<string, AllowedRange>();
    this.notKept = 0;
    for (const because of ALLOWED_BECAUSE) {
      for (const range of found[because] ?? []) {
        if (next.has(range.text)) continue;
        if (next.size < MAX_ALLOWED) next.set(range.text, { range, because });
        else this.notKept++;
      }
    }
    const previous = this.#ranges;
    this.#ranges = next;
    return {
      came: [...next.values()].filter(({ range }) => !previous.has(range.text)),
      went: [...previous.values()].filter(({ range }) => !next.has(range.text)),
    };
  }
}
