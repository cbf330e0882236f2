/** The id of an incident or campaign. */

/** Sorts by time; ends in the group, which says where to look for it. */
export function newId(group: string, now: number): string {
  const time = now.toString(36).padStart(9, '0');
  return `${time}${crypto.randomUUID().slice(0, 8)}.${group}`;
}
