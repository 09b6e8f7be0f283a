// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"crypto/tls"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/kit"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A BadPeer is a badPeer for tests.
type BadPeer struct {
	Name  string
	Issue func(p *PKI, peer string) tls.Certificate
	Rule  tlsconfig.Rule
}

// BadClients returns the certificates that TestServer presents.
func BadClients() []BadPeer {
	var out []BadPeer
	for _, b := range badClients() {
		out = append(out, BadPeer{b.name, b.issue, b.rule})
	}
	return out
}

// BadServers returns the certificates that TestClient meets.
func BadServers() []BadPeer {
	var out []BadPeer
	for _, b := range badServers() {
		out = append(out, BadPeer{b.name, b.issue, b.rule})
	}
	return out
}

// briefly is what wrong ends get to look for news, of whose lack they are to be
// found guilty; right ones, for which it would do where the machine is not busy, get
// all of heed.
const briefly = 300 * time.Millisecond

// ServerFaults returns those of the named cases that fail, of all if none is
// named, in a config that is wrong.
func ServerFaults(p *PKI, cfg *tls.Config, peer string, names ...string) []string {
	s := newServerTest(p, cfg, peer)
	s.heed = briefly
	return failing(s.cases(), names)
}

// ClientFaults is ServerFaults for a client.
func ClientFaults(p *PKI, cfg *tls.Config, peer string, names ...string) []string {
	c := newClientTest(p, cfg, peer)
	c.heed = briefly
	return failing(c.cases(), names)
}

func failing(cases []kit.Case, names []string) []string {
	var out []string
	for _, c := range cases {
		if (len(names) == 0 || slices.Contains(names, c.Name)) && c.Run() != nil {
			out = append(out, c.Name)
		}
	}
	slices.Sort(out)
	return out
}

// ServiceFaults is ServerFaults for a running server.
func ServiceFaults(p *PKI, peer string, urls ...string) []string {
	s := newServiceTest(p, peer)
	s.heed = briefly
	return failing(s.cases(urls), nil)
}
