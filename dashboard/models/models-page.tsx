/** The model lab: which version judges and how well, training and going back, and the verdict on a window of one's own. */
import { ConfirmedButton } from '../parts/confirmed.tsx';
import { Failure, Note } from '../parts/notice.tsx';
import { Outcome } from '../parts/outcome.tsx';
import { Ago } from '../parts/time.tsx';
import { useAction } from '../parts/use-action.ts';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';
import { TryUserName } from './try-user-name.tsx';
import { TryWindow } from './try-window.tsx';
import { VersionTable } from './version-table.tsx';

const EVERY_MS = 15_000;

export function ModelsPage() {
  const { call, callSlowly, group } = useSession();
  const { answer, error, reload } = useAnswer('GET /models', { query: { group } }, { every_ms: EVERY_MS });
  const action = useAction();
  const train = (): void =>
    action.run(async () => {
      const { version, promoted, reason } = await callSlowly('POST /train', { query: { group } });
      reload();
      return `Version ${version} ${promoted ? 'judges now' : 'is held back'}: ${reason}`;
    });
  const rollBack = (to: string): void =>
    action.run(async () => {
      const { version } = await call('POST /models/rollback', { query: { group }, body: { version: to } });
      reload();
      return `Version ${version} judges now.`;
    });
  return (
    <>
      <h1>Models</h1>
      {error && <Failure error={error} />}
      {answer && (
        <>
          <p>
            {answer.current === null ? 'Rules alone judge: no version is trained yet.' : `${answer.current} judges.`}{' '}
            {answer.training.running_since !== null && (
              <>
                A training runs, since <Ago at={answer.training.running_since} />.{' '}
              </>
            )}
            {answer.training.last !== null && (
              <>
                The last training ended <Ago at={answer.training.last.ended_at} />: {answer.training.last.reason}
              </>
            )}
          </p>
          <p>
            <ConfirmedButton label="Train now" question="Train now?" disabled={action.running} onConfirm={train} />
          </p>
          <Outcome action={action} />
          {answer.models.length === 0 ? (
            <Note>Training needs some hours of windows, and runs every night.</Note>
          ) : (
            <VersionTable models={answer.models} disabled={action.running} onRollBack={rollBack} />
          )}
          {answer.next !== null && <Note>Older versions: vigia models list.</Note>}
        </>
      )}
      <TryWindow />
      <TryUserName />
    </>
  );
}
