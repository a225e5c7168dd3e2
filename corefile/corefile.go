// Package corefile holds the Corefiles that sinkhole ships: Loopback for one
// machine, ISP for an access network. Both are read as they stand by CoreDNS's
// own parser; nothing in them is filled in but values of the environment.
package corefile

import _ "embed"

// Loopback serves one machine on port 1053; `make run` starts it.
//
//go:embed Corefile
var Loopback []byte

// ISP serves the subscribers of a network, on port 53 and encrypted.
//
//go:embed Corefile.isp
var ISP []byte

// Defaults are the values of the environment that the shipped Corefiles name,
// where the environment does not say them.
var Defaults = map[string]string{
	"SINKHOLE_LISTS": "/var/lib/sinkhole/lists",
	"SINKHOLE_STATE": "/var/lib/sinkhole",
	"SINKHOLE_CERT":  "/etc/sinkhole/tls/cert.pem",
	"SINKHOLE_KEY":   "/etc/sinkhole/tls/key.pem",
}
