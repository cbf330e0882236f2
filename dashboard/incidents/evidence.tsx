/** Why a window was judged as it was: in sentences, then the rules that fired, and what each model found unusual. */
import type { Explanation, FeatureShare, FiredRule, ModelExplanation } from '../../contract/result.ts';
import { ofNumbers, Table } from '../parts/table.tsx';
import { numeral, percent, rough, techniqueUrl } from '../parts/wording.ts';

export function Evidence({ explanation: { summary, rules, models, abstained, notes } }: { explanation: Explanation }) {
  const silent = Map.groupBy(Object.entries(abstained), ([, reason]) => reason);
  return (
    <div>
      {summary.length > 0 && (
        <ul class="summary">
          {summary.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      )}
      {rules.length > 0 && <Rules rules={rules} />}
      {models.map((model) => (
        <Model key={model.model} {...model} />
      ))}
      {[...silent].map(([reason, models]) => (
        <p key={reason}>
          No score by {models.map(([model]) => model).join(', ')}: {reason}
        </p>
      ))}
      {notes.map(({ kind, text }) => (
        <p key={kind}>Noted, not alerted: {text}</p>
      ))}
    </div>
  );
}

function Rules({ rules }: { rules: readonly FiredRule[] }) {
  return (
    <Table caption="Rules that fired" headings={['Rule', 'Condition', 'Observed', ofNumbers('Confidence')]}>
      {rules.map(({ threat_type, condition, observed, confidence, technique }) => (
        <tr key={threat_type}>
          <td>
            {threat_type} {technique !== undefined && <a href={techniqueUrl(technique)}>{technique}</a>}
          </td>
          <td>{condition}</td>
          <td>
            {Object.entries(observed).map(([name, value]) => (
              <div key={name}>
                {name} <strong>{typeof value === 'number' ? numeral(value) : value}</strong>
              </div>
            ))}
          </td>
          <td class="number">{percent(confidence)}</td>
        </tr>
      ))}
    </Table>
  );
}

function Model({ model, p_value, features }: ModelExplanation) {
  return (
    <Table
      caption={
        <>
          The {model} model: one normal window in {rough(1 / p_value)} looks as unusual
        </>
      }
      headings={['Feature', ofNumbers('Observed'), 'Normal here (1 % to 99 %)', 'Part in the score']}
    >
      {features.map((share) => (
        <Feature key={share.feature} {...share} />
      ))}
    </Table>
  );
}

function Feature({ feature, observed, normal: [low, high], share, windows_earlier }: FeatureShare) {
  return (
    <tr>
      <td>
        {feature}
        {windows_earlier ? ` (${windows_earlier} windows earlier)` : ''}
      </td>
      <td class="number">{numeral(observed)}</td>
      <td>
        {numeral(low)} to {numeral(high)}
      </td>
      <td>
        <meter min={0} max={1} value={share} /> {percent(Math.round(100 * share) / 100)}
      </td>
    </tr>
  );
}
