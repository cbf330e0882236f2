/** What may be the matter with an incident: it goes on, a person has seen it, it is over, or it never was one. */

export const INCIDENT_STATES = ['open', 'acknowledged', 'resolved', 'false_alarm'] as const;
export type IncidentState = (typeof INCIDENT_STATES)[number];
