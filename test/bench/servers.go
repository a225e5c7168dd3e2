package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"sinkhole/corefile"
)

// bench is what all measurements share.
type bench struct {
	plan      plan
	dir       string
	names     []string
	many      []string // and others like them
	origin    string
	authority *authority
}

func newBench(p plan, dir string) (*bench, error) {
	names, origin, err := readNames(p.list, p.names)
	if err != nil {
		return nil, err
	}
	a, err := startAuthority()
	if err != nil {
		return nil, err
	}
	return &bench{plan: p, dir: dir, names: names, many: alike(names, p.many*len(names)), origin: origin, authority: a}, nil
}

// server is one kind of server, ready to be started.
type server struct {
	name    string
	dir     string
	addr    string
	metrics string // "" where there are none
	args    []string
}

// free are n addresses of loopback whose ports are free on TCP and UDP.
func free(n int) ([]string, error) {
	var found []string
	var held []net.Listener
	defer func() {
		for _, ln := range held {
			ln.Close()
		}
	}()
	for len(found) < n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		held = append(held, ln)
		if pc, err := net.ListenPacket("udp", ln.Addr().String()); err == nil {
			pc.Close()
			found = append(found, ln.Addr().String())
		}
	}
	return found, nil
}

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// insecure tells a validating server that nothing below example is signed: the
// authority's zone is not.
const insecure = "    domain-insecure: \"example\"\n"

// sinkhole is the shipped Corefile of one machine on other ports, with the
// authority in the place of the Internet, and blocked names answered NXDOMAIN as
// Unbound is told to.
func (b *bench) sinkhole(name string) (server, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Join(dir, "lists", "malware"), 0o755); err != nil {
		return server{}, err
	}
	addrs, err := free(4)
	if err != nil {
		return server{}, err
	}
	include := filepath.Join(dir, "include.conf")
	if err := os.WriteFile(include, []byte(insecure), 0o644); err != nil {
		return server{}, err
	}
	conf := string(corefile.Loopback)
	for _, change := range [][2]string{
		{".:1053", ".:" + port(addrs[0])},
		{"bind 127.0.0.1 ::1", "bind 127.0.0.1"},
		{"127.0.0.1:9153", addrs[1]},
		{"127.0.0.1:8080", addrs[2]},
		{"127.0.0.1:8181", addrs[3]},
		{"{$SINKHOLE_LISTS}", filepath.Join(dir, "lists")},
		{"{$SINKHOLE_STATE}", filepath.Join(dir, "state")},
		{"category c2 malware {\n", "category c2 malware {\n            action nxdomain\n"},
		{"\n    recursor\n", fmt.Sprintf("\n    recursor {\n        forward %s\n        include %s\n    }\n", b.authority.addr, include)},
	} {
		if !strings.Contains(conf, change[0]) {
			return server{}, fmt.Errorf("corefile/Corefile holds no %q any more", change[0])
		}
		conf = strings.ReplaceAll(conf, change[0], change[1])
	}
	path := filepath.Join(dir, "Corefile")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		return server{}, err
	}
	binary, err := filepath.Abs(b.plan.binary)
	return server{name, dir, addrs[0], addrs[1], []string{binary, "serve", "--conf", path}}, err
}

// listFile is where the names of a sinkhole lie.
func (s server) listFile(name string) string { return filepath.Join(s.dir, "lists", "malware", name) }

// writeList puts the names into the drop folder.
func (b *bench) writeList(s server) error {
	return writeLines(s.listFile("names.txt"), len(b.names), func(i int) string { return b.names[i] })
}

func (b *bench) sinkholeOf(name string, names []string) (server, error) {
	s, err := b.sinkhole(name)
	if err != nil {
		return s, err
	}
	return s, writeNames(s.listFile("names.txt"), names)
}

// writeZone makes a response policy zone of names. It blocks them and, to the
// advantage of the peers, nothing below them.
func writeZone(path string, names []string) error {
	head := "$TTL 60\n@ SOA localhost. root.localhost. 1 43200 7200 2592000 60\n@ NS localhost."
	return writeLines(path, len(names)+1, func(i int) string {
		if i == 0 {
			return head
		}
		return names[i-1] + " CNAME ."
	})
}

// room is what a peer needs: a directory, an address, and the zone in a file.
func (b *bench) room(name string, names []string) (dir, addr, zone string, err error) {
	dir = filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", "", err
	}
	addrs, err := free(1)
	if err != nil {
		return "", "", "", err
	}
	zone = filepath.Join(dir, "rpz.zone")
	return dir, addrs[0], zone, writeZone(zone, names)
}

func (b *bench) unbound(name string) (server, error) { return b.unboundOf(name, b.names) }

// unboundOf is the first peer.
func (b *bench) unboundOf(name string, names []string) (server, error) {
	dir, addr, zone, err := b.room(name, names)
	if err != nil {
		return server{}, err
	}
	conf := fmt.Sprintf(`server:
    interface: 127.0.0.1@%s
    access-control: 127.0.0.0/8 allow
    do-daemonize: no
    chroot: ""
    username: ""
    directory: %q
    pidfile: ""
    use-syslog: no
    num-threads: 1
    module-config: "respip validator iterator"
    trust-anchor-file: "/usr/share/dns/root.key"
    do-not-query-localhost: no
    msg-cache-size: 64m
    rrset-cache-size: 128m
%sremote-control:
    control-enable: no
rpz:
    name: rpz.bench.example
    zonefile: %q
forward-zone:
    name: "."
    forward-addr: %s
`, port(addr), dir, insecure, zone, strings.Replace(b.authority.addr, ":", "@", 1))
	path := filepath.Join(dir, "unbound.conf")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		return server{}, err
	}
	return server{name, dir, addr, "", []string{b.plan.unbound, "-d", "-c", path}}, nil
}

// powerdnsOf is the second peer.
func (b *bench) powerdnsOf(name string, names []string) (server, error) {
	dir, addr, zone, err := b.room(name, names)
	if err != nil {
		return server{}, err
	}
	lua := filepath.Join(dir, "rpz.lua")
	if err := os.WriteFile(lua, []byte(fmt.Sprintf("rpzFile(%q, {policyName=\"bench\"})\n", zone)), 0o644); err != nil {
		return server{}, err
	}
	conf := fmt.Sprintf(`local-address=127.0.0.1
local-port=%s
threads=1
daemon=no
socket-dir=%s
lua-config-file=%s
forward-zones-recurse=.=%s
dont-query=
dnssec=off
webserver=no
disable-syslog=yes
loglevel=3
`, port(addr), dir, lua, b.authority.addr)
	if err := os.WriteFile(filepath.Join(dir, "recursor.conf"), []byte(conf), 0o644); err != nil {
		return server{}, err
	}
	return server{name, dir, addr, "", []string{b.plan.powerdns, "--config-dir=" + dir}}, nil
}
