#!/bin/busybox sh
# The first process of the booted kernel: makes the link, lets the doctor, the block list and the source speak on the second serial port, ends.
# By their paths where busybox has a lesser one of that name: its shell takes its own first.
/bin/busybox --install -s /bin 2>/dev/null
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /run
mount -t tmpfs none /tmp
for module in /modules/$(uname -r)/*; do insmod $module; done
stty -F /dev/ttyS1 raw

# Two ends that know each other already and speak no IPv6: nothing crosses but what the test sends.
mkdir /run/netns
/bin/ip netns add far
/bin/ip link add near address 02:00:00:00:00:01 type veth peer far address 02:00:00:00:00:02 netns far
sysctl -qw net.ipv6.conf.near.disable_ipv6=1
nsenter --net=/run/netns/far sysctl -qw net.ipv6.conf.far.disable_ipv6=1
/bin/ip address add 10.213.7.1/24 dev near
/bin/ip -n far address add 10.213.7.2/24 dev far
/bin/ip link set near up
/bin/ip -n far link set far up
/bin/ip neighbour add 10.213.7.2 lladdr 02:00:00:00:00:02 dev near nud permanent
/bin/ip neighbour add 10.213.7.3 lladdr 02:00:00:00:00:02 dev near nud permanent
/bin/ip -n far neighbour add 10.213.7.1 lladdr 02:00:00:00:00:01 dev far nud permanent

cd /vigia/guest
# As a service: no root, three capabilities, and the locked memory that kernels before 5.11 charge for maps.
ulimit -l 16384
service="/bin/setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+bpf,+net_admin,+perfmon --ambient-caps=-all,+bpf,+net_admin,+perfmon"
$service node doctor.mjs doctor --json --source ebpf:near --spool /tmp/spool >/dev/ttyS1
node block.mjs near >/dev/ttyS1
node observe.mjs near >/dev/ttyS1
reboot -f
