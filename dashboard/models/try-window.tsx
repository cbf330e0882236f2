/** Asks for the verdict on a window that the user writes. It is judged as a flat object: nothing of it is stored or told. */
import { useState } from 'preact/hooks';
import type { Result } from '../../contract/result.ts';
import { Evidence } from '../incidents/evidence.tsx';
import { LevelBadge } from '../parts/badge.tsx';
import { Failure } from '../parts/notice.tsx';
import { percent } from '../parts/wording.ts';
import { useSession } from '../session/session.ts';

const EXAMPLE = JSON.stringify({ packets_per_second: 1200, unique_ports: 50, tcp_packets: 1200 }, null, 2);

type Verdict = { readonly result: Result } | { readonly error: Error } | null;

export function TryWindow() {
  const { call } = useSession();
  const [text, setText] = useState(EXAMPLE);
  const [verdict, setVerdict] = useState<Verdict>(null);
  const judge = async (): Promise<Verdict> => {
    try {
      const answer = await call('POST /detect', { body: readFlat(text) });
      return 'level' in answer ? { result: answer } : null;
    } catch (error) {
      return { error: error instanceof Error ? error : new Error(String(error)) };
    }
  };
  return (
    <section>
      <h2>Try a window</h2>
      <p>What the live version says of it, and why. Nothing of it is stored or told.</p>
      <form
        class="column"
        onSubmit={(event) => {
          event.preventDefault();
          void judge().then(setVerdict);
        }}
      >
        <label>
          Window, in JSON
          <textarea
            rows={8}
            spellcheck={false}
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </label>
        <button type="submit">Judge</button>
      </form>
      {verdict && 'error' in verdict && <Failure error={verdict.error} />}
      {verdict && 'result' in verdict && <VerdictOn result={verdict.result} />}
    </section>
  );
}

/** @throws Error that says what is expected */
function readFlat(text: string): Record<string, number | null> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof value !== 'object' || value === null || 'windows' in value)
    throw new Error('Write one object of numbers, such as the example.');
  return Object.fromEntries(Object.entries(value));
}

function VerdictOn({ result }: { result: Result }) {
  const { threat_detected, threat_types, level, confidence, model_scores, explanation } = result;
  return (
    <div class="verdict" role="status">
      <p>
        <LevelBadge level={level} />{' '}
        {threat_detected ? `${threat_types.join(', ')}, confidence ${percent(confidence)}` : 'No threat.'}
        {Object.entries(model_scores).map(([model, score]) => ` ${model} ${score.toFixed(2)}`)}
      </p>
      <Evidence explanation={explanation} />
    </div>
  );
}
