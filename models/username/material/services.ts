/** Service accounts: the daemons of POSIX systems, and the patterns by which people name accounts of machines. */
import type { Random } from '../../random.ts';
import { chance, pick } from './pick.ts';

const DAEMONS =
  'root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody systemd-network systemd-resolve systemd-timesync messagebus sshd ntp postfix dovecot postgres mysql mariadb redis mongodb memcache nginx apache httpd named bind unbound dnsmasq avahi cups colord polkitd rtkit saned geoclue pulse tcpdump statd rpc rpcuser nfsnobody dbus haldaemon vcsa abrt tss chrony sssd libvirt qemu kvm docker containerd etcd kube consul vault nomad prometheus grafana elasticsearch logstash kibana filebeat zabbix nagios munin puppet chef salt ansible jenkins gitlab gitlab-runner git svn hg tomcat jboss wildfly rabbitmq kafka zookeeper hadoop hdfs yarn hive spark cassandra solr squid varnish haproxy keepalived ftp ftpuser proftpd vsftpd tftp asterisk freeswitch bacula amanda oracle db2inst1 sybase informix sap hacluster ceph glusterfs openvpn strongswan radiusd ldap slapd kdc snmp amavis clamav spamd opendkim policyd mailman majordom cron at operator halt shutdown adm staff admin administrator guest test support service system deploy build release monitor scanner'.split(
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
  if (chance(0.3, random)) return pick(DAEMONS, random);
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
