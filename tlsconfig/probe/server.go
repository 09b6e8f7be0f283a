// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"time"
)

// Server asks the server at address, host and port, and reports what it found.
// The error is nil unless ctx has ended or no connection could be made at all;
// what single questions met with is in the findings.
func (p *Prober) Server(ctx context.Context, address string) (*Report, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	q := &questions{Prober: p, address: address, name: p.ServerName, report: &Report{Address: address, Role: "server", At: time.Now().UTC()}}
	if q.name == "" {
		q.name = host
	}
	conn, err := q.dial(ctx)
	if err != nil {
		return nil, err
	}
	conn.Close()
	for _, ask := range []func(context.Context){
		q.beginning, q.versions, q.suites, q.foreignSuites, q.order, q.parameters, q.protocols, q.certificateRequest, q.chain, q.clients, q.resumption, q.renegotiation,
	} {
		ask(ctx)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	q.report.arrange()
	return q.report, nil
}

// Offer sends the server at address one ClientHello, of the highest of versions
// (with supported_versions if TLS 1.3 is among them) and with the suites in their
// order, and returns what the server
// chose: zeros if it refuses. The error is a connection that could not be made, or
// an answer that is no TLS.
func (p *Prober) Offer(ctx context.Context, address string, versions, suites []uint16) (version, suite uint16, err error) {
	if len(versions) == 0 {
		return 0, 0, errors.New("no version is offered")
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return 0, 0, err
	}
	q := &questions{Prober: p, address: address, name: p.ServerName}
	if q.name == "" {
		q.name = host
	}
	h := hello{version: slices.Max(versions), suites: suites}
	if h.version >= tls.VersionTLS13 {
		h.supported = versions
	}
	f, err := q.ask(ctx, h)
	if err != nil && refused(err) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	return f.version, f.suite, nil
}
