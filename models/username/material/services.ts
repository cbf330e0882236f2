/** Service accounts: the daemons of POSIX systems, and the patterns by which people name accounts of machines. */
import type { Random } from '../../random.ts';
import { DAEMON_NAMES } from '../known-names.ts';
import { chance, pick } from './pick.ts';

const DAEMONS = [...DAEMON_NAMES];
/** Roles rather than people: the mailboxes of RFC 2142, departments, rooms and machines that share one account. */
const ROLES =
  'info marketing sales support abuse noc security postmaster hostmaster usenet webmaster admin administrator guest test service system deploy build release monitor scanner accounts accounting finance billing invoices orders purchasing reception office helpdesk servicedesk hr personnel payroll recruitment jobs careers training trainer classroom meeting conference kiosk lobby warehouse shipping logistics dispatch stock goods factory production quality audit auditor legal compliance press media news events booking reservations customerservice feedback enquiries contact team staff temp contractor student library lab printer copier scan fax phone voicemail camera display signage till cashier pos terminal'.split(
    ' ',
  );
const WORK =
  'backup deploy build monitor report sync import export batch cron mail web api db sql etl scan print fax ftp proxy auth login billing payment order invoice stock shop crm erp hr payroll search index cache queue log metrics alert audit archive storage file media video image chat bot mobile app portal gateway network vpn dns dhcp ldap sso iam kube docker git ci cd test qa stage prod dev data warehouse bi ml analytics'.split(
    ' ',
  );
const STAGES = ['prod', 'dev', 'test', 'stage', 'qa', 'uat', '01', '02', '1', '2', 'eu', 'us'];
const PREFIXES = ['svc', 'sa', 'srv', 'app', 'sys', 'service', 'bot', 'ci', 'job', 'task', 'adm', 'iis', 'gmsa'];
const SUFFIXES = [
  'svc',
  'sa',
  'service',
  'bot',
  'agent',
  'user',
  'account',
  'daemon',
  'runner',
  'worker',
  'reader',
  'writer',
  'd',
];
const SEPARATORS = ['-', '_', '.', ''];

export function serviceAccount(random: Random): string {
  if (chance(0.1, random)) return `${pick(ROLES, random)}${chance(0.3, random) ? pick(STAGES, random) : ''}`;
  if (chance(0.4, random)) return daemon(random);
  const separator = pick(SEPARATORS, random);
  const work = pick(WORK, random);
  const base = chance(0.3, random) ? `${work}${separator}${pick(WORK, random)}` : work;
  const stage = chance(0.3, random) ? `${separator}${pick(STAGES, random)}` : '';
  const named = chance(0.55, random)
    ? `${pick(PREFIXES, random)}${separator}${base}`
    : `${base}${separator}${pick(SUFFIXES, random)}`;
  const account = named + stage;
  return chance(0.15, random) ? account.toUpperCase() : account;
}

/** BSD systems put an underscore before the accounts of daemons; many names end in what the daemon is. */
function daemon(random: Random): string {
  const drawn = random();
  const name = drawn < 0.6 ? pick(DAEMONS, random) : coined(random);
  return chance(0.3, random) ? `_${name}` : name;
}

/** Names of daemons are words run together, often of what they serve. */
function coined(random: Random): string {
  const name = `${pick(STEMS, random)}${pick(ENDINGS, random)}`;
  return chance(0.2, random) ? `${name}${pick(['d', '-proxy', '-exporter', 'ng', '2'], random)}` : name;
}

const STEMS =
  'net dns dkim smtp imap pop web http ftp ssh tls ssl ldap radius dhcp ntp snmp sip rtp irc xmpp mqtt amqp sql pg my db cache log sys file disk tape mail spam virus milter list news feed cast media stream audio video cam print fax scan font x wm git svn cvs ci build job queue task cron time clock rpc nfs smb iscsi usb scsi ups power temp fan sensor key auth krb pki ca cert acme vpn ipsec ike ppp l2tp tun tap bgp ospf rip route arp nat pf fw ids packet flow port sniff trace ping probe mon graph stat metric alert back arch sync clone mirror repo pkg port dist bit block chain coin wallet torrent peer game quake chess go star bot chat wiki blog cms shop pay erp crm'.split(
    ' ',
  );
const ENDINGS =
  'd d d db sql mq mon watch guard proxy relay gate gw way box hub server serv svc sign check filter scan stat graph log collector exporter agent bot cache cast sync ctl mgr run master node mux demux spool queue query bl rbl daemon base list man meter top tap flow trap'.split(
    ' ',
  );
