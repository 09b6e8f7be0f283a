// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
)

const http11 = "http/1.1"

// build checks e and keeps the suites that crypto/tls has.
func (e *Endpoint) build(own x509.ExtKeyUsage) (*Endpoint, *ownCertificate, []Suite, error) {
	if err := checkGODEBUG(); err != nil {
		return nil, nil, nil, err
	}
	end, err := e.Check(own)
	if err != nil {
		return nil, nil, nil, err
	}
	suites := slices.DeleteFunc(end.Suites(), func(s Suite) bool { return !s.Native() })
	if len(suites) == 0 {
		return nil, nil, nil, fmt.Errorf("crypto/tls has none of the suites %v; tlsconfig/openssl has", e.Suites)
	}
	return end.endpoint, end.own, suites, nil
}

// config returns what servers and clients have in common.
func (e *Endpoint) config(suites []Suite) *tls.Config {
	ids := make([]uint16, len(suites)) // not nil: nil would be crypto/tls's defaults
	for i, s := range suites {
		ids[i] = uint16(s)
	}
	return &tls.Config{
		Time:          e.Verifier.Time,
		MinVersion:    tls.VersionTLS12,
		MaxVersion:    tls.VersionTLS12,
		CipherSuites:  ids,
		NextProtos:    []string{http11}, // HTTP/2 forbids the CBC suites
		Renegotiation: tls.RenegotiateNever,

		SessionTicketsDisabled: e.SessionTicketsDisabled,
	}
}

// A hook judges the peer of one config's connections, or of one
// connection. It does not trust that the config around it is still the one that was
// built. verify is a method, and no closure, so that Audit knows it in every config.
type hook struct {
	endpoint *Endpoint
	peer     x509.ExtKeyUsage
	suites   []Suite
	ctx      context.Context // of the handshake; nil: not known
	remote   net.Addr        // nil: not known
	accepted func(Presented) // is told of each peer that is accepted in a full handshake; nil: no one is
}

func (h *hook) verify(cs tls.ConnectionState) error {
	ctx := h.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	if err := checkConnection(&cs, h.suites); err != nil {
		h.endpoint.logRefusal(ctx, addressText(h.remote), err)
		return err
	}
	if cs.NegotiatedProtocol != "" && cs.NegotiatedProtocol != http11 {
		return fmt.Errorf("the connection speaks %q, not HTTP/1.1: what made it added that to NextProtos, "+
			"as http.Transport does with ForceAttemptHTTP2", clip(cs.NegotiatedProtocol))
	}
	p := Presented{Certificates: cs.PeerCertificates, Usage: h.peer, Remote: h.remote}
	if h.peer == x509.ExtKeyUsageServerAuth {
		p.ServerName = cs.ServerName
		p.OCSPResponse = cs.OCSPResponse
	}
	err := h.endpoint.VerifyPeer(ctx, p)
	if err == nil && h.accepted != nil && !cs.DidResume {
		h.accepted(p)
	}
	return err
}
