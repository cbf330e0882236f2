/** The schemas that stand by name in the OpenAPI document; every other one stands where it is used. */
import type * as z from 'zod';
import { authWindow } from '../../contract/auth-window.ts';
import { campaign } from '../../contract/campaign.ts';
import { classification, manyUsernames, oneUsername } from '../../contract/classification.ts';
import { batch, flatObject } from '../../contract/detect-request.ts';
import { incident, incidentPage, incidentPatch } from '../../contract/incident.ts';
import {
  featureDrift,
  modelPage,
  readableModel,
  rollbackRequest,
  rolledBack,
  shadowTally,
  trained,
  unreadableModel,
} from '../../contract/model-list.ts';
import { networkWindow, recent, source } from '../../contract/network-window.ts';
import { problem } from '../../contract/problem.ts';
import { promAnswer } from '../../contract/prom-answer.ts';
import { promRequest } from '../../contract/prom-request.ts';
import { explanation, firedRule, modelExplanation, result } from '../../contract/result.ts';
import { health, misconfigured, stats } from '../../contract/status.ts';
import { revocation, revokedPage, revokedToken } from '../../contract/token.ts';
import { trainingState } from '../../contract/training-run.ts';

/** As a client sends them: what has a default may be left out. */
export const REQUESTS: Readonly<Record<string, z.ZodType>> = {
  Batch: batch,
  NetworkWindow: networkWindow,
  AuthWindow: authWindow,
  FlatObject: flatObject,
  Source: source,
  RecentView: recent,
  OneUsername: oneUsername,
  ManyUsernames: manyUsernames,
  IncidentPatch: incidentPatch,
  RollbackRequest: rollbackRequest,
  Revocation: revocation,
  PromRequest: promRequest,
};

export const ANSWERS: Readonly<Record<string, z.ZodType>> = {
  Result: result,
  Explanation: explanation,
  FiredRule: firedRule,
  ModelExplanation: modelExplanation,
  Classification: classification,
  IncidentPage: incidentPage,
  Incident: incident,
  Campaign: campaign,
  TrainingState: trainingState,
  ModelPage: modelPage,
  Model: readableModel,
  UnreadableModel: unreadableModel,
  FeatureDrift: featureDrift,
  ShadowTally: shadowTally,
  RolledBack: rolledBack,
  Trained: trained,
  Stats: stats,
  Health: health,
  Misconfigured: misconfigured,
  RevokedPage: revokedPage,
  RevokedToken: revokedToken,
  PromAnswer: promAnswer,
  Problem: problem,
};
