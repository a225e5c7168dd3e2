package main

import (
	"fmt"
	"net/netip"
	"slices"
)

// unsafe refuses what no operator can mean: a PROXY header that anybody may send
// lets anybody be any subscriber, and blame any subscriber.
func (c corefile) unsafe() error {
	for _, f := range c.find("proxyproto") {
		if len(f.option("allow")) == 0 {
			return fmt.Errorf("%s: proxyproto: anybody could choose the address he asks from; want allow PREFIX... with your balancers", f)
		}
	}
	return nil
}

// exposures warns of server blocks that resolve for the whole world.
func (c corefile) exposures() []string {
	var all []string
	guarded := map[int]bool{}
	for _, f := range c.find("subscribers") {
		guarded[f.block] = true
		for served := range f.lines("served") {
			for _, p := range served {
				if prefix, err := netip.ParsePrefix(p); err == nil && prefix.Bits() == 0 {
					all = append(all, fmt.Sprintf("%s: warning: served %s is everybody; an open resolver is a tool for reflection attacks: want the subscribers' prefixes", f, p))
				}
			}
		}
	}
	for i, b := range c.blocks {
		if guarded[i] || !c.has(i, "sinkhole", "recursor", "forward") || c.onLoopback(i) {
			continue
		}
		all = append(all, fmt.Sprintf("%s: warning: block %v resolves for everybody who can reach it; want subscribers in it, with the prefixes served", c.input.Filepath, b.Keys))
	}
	return all
}

// onLoopback says whether only this machine can reach block i.
func (c corefile) onLoopback(i int) bool {
	return !slices.ContainsFunc(c.hosts(i), func(host string) bool {
		a, err := netip.ParseAddr(host)
		return err != nil || !a.IsLoopback()
	})
}
