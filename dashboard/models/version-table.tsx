/** Trained versions with the figures that decide whether one is promoted. */
import type { ListedModel } from '../../contract/model-list.ts';
import { ConfirmedButton } from '../parts/confirmed.tsx';
import { OF_ACTIONS, Table } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';
import { numeral, percent } from '../parts/wording.ts';

interface VersionsProperties {
  readonly models: readonly ListedModel[];
  readonly disabled: boolean;
  readonly onRollBack: (version: string) => void;
}

export function VersionTable({ models, disabled, onRollBack }: VersionsProperties) {
  return (
    <Table
      headings={[
        'Version',
        'Trained',
        'On',
        'False alerts, held-out windows',
        'Injected attacks found',
        'Beside the live one',
        'Drift',
        OF_ACTIONS,
      ]}
    >
      {models.map((model) => (
        <tr key={model.version}>
          <td>
            <code>{model.version}</code> {model.live && <span class="badge state-resolved">live</span>}
          </td>
          {model.readable ? <Figures {...model} /> : <td colSpan={4}>Its manifest can't be read.</td>}
          <td>{model.shadow && shadowText(model.shadow)}</td>
          <td>{model.readable && <Drift drift={model.drift} />}</td>
          <td>
            {!model.live && model.readable && (
              <ConfirmedButton
                label="Go to it"
                question="Let it judge?"
                disabled={disabled}
                onConfirm={() => onRollBack(model.version)}
              />
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Figures({ created_at, training, quality, models, abstained }: Extract<ListedModel, { readable: true }>) {
  const missing = Object.entries(abstained).map(([model, reason]) => `${model}: ${reason}`);
  return (
    <>
      <td>
        <Ago at={created_at} />
      </td>
      <td>
        {numeral(training.windows)} windows of {numeral(training.hosts)} hosts, {models.length} models
        {missing.length > 0 && <span title={missing.join('\n')}> ({missing.length} abstained)</span>}
      </td>
      <td>
        {numeral(quality.false_alerts)} in {numeral(quality.judged_host_days)} host days; the budget allows{' '}
        {numeral(quality.allowed_false_alerts)}
      </td>
      <td>{percent(quality.injected_found)}</td>
    </>
  );
}

function shadowText({ windows, live_alerts, shadow_alerts, both_alerts }: NonNullable<ListedModel['shadow']>): string {
  return `${numeral(windows)} windows: ${numeral(shadow_alerts)} alerts, the live one ${numeral(live_alerts)}, both ${numeral(both_alerts)}`;
}

const DRIFT_SHOWN = 3;

/** The features whose idea of normal moved most. */
function Drift({ drift }: { drift: Extract<ListedModel, { readable: true }>['drift'] }) {
  const most = drift.toSorted((a, b) => Math.abs(b.shift) - Math.abs(a.shift)).slice(0, DRIFT_SHOWN);
  return (
    <>
      {most.map(({ feature, shift }) => (
        <div key={feature}>
          {feature} {shift > 0 ? '+' : ''}
          {numeral(shift)}
        </div>
      ))}
    </>
  );
}
