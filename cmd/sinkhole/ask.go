package main

import (
	"flag"

	"sinkhole/plugin/pkg/control"
)

// target says which running server a verb means.
type target struct{ state, conf *string }

func targetFlags(flags *flag.FlagSet) target {
	return target{
		state: flags.String("state", "", "the state `DIR` of the server; its socket lies there"),
		conf:  flags.String("conf", "", "the Corefile that names the state `FILE` (default "+defaultConf+", where it can be read)"),
	}
}

// client is the way to the server: --state, else what the Corefile says, else
// the default.
func (t target) client() (*control.Client, string, error) {
	if *t.state != "" {
		return control.NewClient(*t.state), *t.state, nil
	}
	conf := *t.conf
	if conf == "" {
		conf = defaultConf
	}
	c, err := readCorefile(conf)
	if err != nil && *t.conf != "" {
		return nil, "", err
	}
	// Without a Corefile that can be read, state is the default.
	state := c.state()
	return control.NewClient(state), state, nil
}

// isRefused says whether the newest version of a list is not in force.
func isRefused(l control.List) bool {
	return l.State == control.StateRefused || l.State == control.StateLastGood
}
