/** The rules on login attempts. */
import { RULE_CONFIDENCE } from '../../contract/thresholds.ts';
import { fired, type Rule } from './rule.ts';

export const bruteForce: Rule = (observed, context) =>
  fastGuessing(observed, context) ?? slowGuessing(observed, context);

/** The time over which five failures are a guesser, as fail2ban's `findtime`; a longer window may hold as many more. */
const GUESSING_S = 600;

/**
 * Few failures within minutes: what fail2ban (5 in 600 s) and CrowdSec's ssh-slow-bf (more than 10, one leaking away each 60 s)
 * ban for, in sliding windows of ten minutes; shorter windows see only quicker guessers. Only where it is known over how long, and
 * where failures are most of the attempts: a person mistypes, then gets in.
 */
const slowGuessing: Rule = ({ total_attempts, failed_attempts, duration_s }, { thresholds }) => {
  if (typeof failed_attempts !== 'number' || duration_s === undefined) return null;
  const least = thresholds.SLOW_GUESSING_FAILED_ATTEMPTS * Math.max(1, duration_s / GUESSING_S);
  if (failed_attempts < least) return null;
  if (typeof total_attempts === 'number' && failed_attempts * 2 <= total_attempts) return null;
  return fired(
    'brute_force_attack',
    RULE_CONFIDENCE.slow_brute_force_attack,
    `failed_attempts >= ${Math.ceil(least)} within ${Math.round(duration_s)} s, more than half of all`,
    { failed_attempts, over_s: Math.round(duration_s) },
  );
};

const fastGuessing: Rule = ({ total_attempts, failed_attempts }, { thresholds }) => {
  if (typeof total_attempts !== 'number' || typeof failed_attempts !== 'number') return null;
  if (total_attempts <= thresholds.BRUTE_FORCE_TOTAL_ATTEMPTS) return null;
  if (failed_attempts <= thresholds.BRUTE_FORCE_FAILED_ATTEMPTS) return null;
  return fired(
    'brute_force_attack',
    RULE_CONFIDENCE.brute_force_attack,
    `total_attempts > ${thresholds.BRUTE_FORCE_TOTAL_ATTEMPTS} and failed_attempts > ${thresholds.BRUTE_FORCE_FAILED_ATTEMPTS}`,
    { total_attempts, failed_attempts },
  );
};

export const credentialStuffing: Rule = ({ total_attempts, unique_source_ips }, { thresholds }) => {
  if (typeof total_attempts !== 'number' || typeof unique_source_ips !== 'number') return null;
  if (total_attempts <= thresholds.STUFFING_TOTAL_ATTEMPTS) return null;
  if (unique_source_ips <= thresholds.STUFFING_UNIQUE_SOURCE_IPS) return null;
  return fired(
    'credential_stuffing',
    RULE_CONFIDENCE.credential_stuffing,
    `total_attempts > ${thresholds.STUFFING_TOTAL_ATTEMPTS} and unique_source_ips > ${thresholds.STUFFING_UNIQUE_SOURCE_IPS}`,
    { total_attempts, unique_source_ips },
  );
};

export const serviceAccountAbuse: Rule = ({ privilege_level, total_attempts }, { thresholds }) => {
  if (privilege_level !== 1 || typeof total_attempts !== 'number') return null;
  if (total_attempts <= thresholds.SERVICE_ABUSE_TOTAL_ATTEMPTS) return null;
  return fired(
    'service_account_abuse',
    RULE_CONFIDENCE.service_account_abuse,
    `privilege_level = 1 and total_attempts > ${thresholds.SERVICE_ABUSE_TOTAL_ATTEMPTS}`,
    { privilege_level, total_attempts },
  );
};

/** A password or a command typed where a user name belongs. */
export const usernameConfusion: Rule = ({ username_type }) => {
  if (username_type !== 'password' && username_type !== 'command') return null;
  return fired(
    'username_confusion',
    RULE_CONFIDENCE[`username_confusion_${username_type}`],
    `username_type is ${username_type}`,
    { username_type },
  );
};
