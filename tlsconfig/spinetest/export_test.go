// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"crypto/tls"

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
