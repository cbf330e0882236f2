/** What an incident and a campaign have in common, as a list of facts. */
import type { ComponentChildren } from 'preact';
import type { Campaign } from '../../contract/campaign.ts';
import type { Incident } from '../../contract/incident.ts';
import { Instant } from '../parts/time.tsx';
import { numeral, percent, span, techniqueUrl } from '../parts/wording.ts';

export function Facts({ of, children }: { of: Incident | Campaign; children?: ComponentChildren }) {
  const lasted_ms = Date.parse(of.last_seen) - Date.parse(of.first_seen);
  return (
    <dl class="facts">
      {children}
      <Fact name="First seen">
        <Instant at={of.first_seen} />
      </Fact>
      <Fact name="Last seen">
        <Instant at={of.last_seen} /> ({span(lasted_ms)} later)
      </Fact>
      <Fact name="Alerts">{numeral(of.alerts)}</Fact>
      <Fact name="Confidence">{percent(of.confidence)}</Fact>
      <Fact name="From">
        {of.attacking_ips.length === 0 ? 'no address was named' : <code>{of.attacking_ips.join(' ')}</code>}
      </Fact>
      <Fact name="Types">{of.threat_types.join(', ')}</Fact>
      {of.techniques.length > 0 && (
        <Fact name="ATT&CK">
          {of.techniques.map(({ uid, name }) => (
            <span key={uid}>
              <a href={techniqueUrl(uid)}>{uid}</a> {name}{' '}
            </span>
          ))}
        </Fact>
      )}
      {of.reopened > 0 && <Fact name="Came back">{numeral(of.reopened)} times</Fact>}
      {of.note !== null && <Fact name="Note">{of.note}</Fact>}
    </dl>
  );
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
