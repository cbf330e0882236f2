/** What is recorded and not told: maintenance, and sources that may look like attackers. */
import { AllowedSources } from './allowed-sources.tsx';
import { Maintenance } from './maintenance.tsx';

export function QuietPage() {
  return (
    <>
      <h1>Quiet</h1>
      <p>Alerts like these are recorded and counted, and nobody is told.</p>
      <Maintenance />
      <AllowedSources />
    </>
  );
}
