/** A table under its headings, which scrolls within its place where the screen is narrow. */
import type { ComponentChildren } from 'preact';

export interface Heading {
  readonly text: string;
  /** `number`: above figures, to the right. `hidden`: said to those who can't see what stands below. */
  readonly kind: 'number' | 'hidden';
}

export const ofNumbers = (text: string): Heading => ({ text, kind: 'number' });
export const OF_ACTIONS: Heading = { text: 'Action', kind: 'hidden' };

interface TableProperties {
  readonly caption?: ComponentChildren;
  readonly headings: readonly (string | Heading)[];
  /** Rows. */
  readonly children: ComponentChildren;
}

export function Table({ caption, headings, children }: TableProperties) {
  return (
    <div class="scrolled">
      <table>
        {caption !== undefined && <caption>{caption}</caption>}
        <thead>
          <tr>
            {headings.map((heading) => (
              <HeadingCell key={typeof heading === 'string' ? heading : heading.text} heading={heading} />
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function HeadingCell({ heading }: { heading: string | Heading }) {
  if (typeof heading === 'string') return <th scope="col">{heading}</th>;
  const { text, kind } = heading;
  return (
    <th scope="col" class={kind === 'number' ? 'number' : undefined}>
      {kind === 'hidden' ? <span class="hidden">{text}</span> : text}
    </th>
  );
}
