// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// A Transport is an http.RoundTripper whose connections are all a [Dialer]'s. It
// speaks HTTP/1.1 over TLS, refuses http URLs, and uses no proxy. It is safe for
// concurrent use.
type Transport struct{ base *http.Transport }

// Transport returns a new Transport.
func (d *Dialer) Transport() *Transport {
	return &Transport{base: &http.Transport{
		DialTLSContext: d.DialContext,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, errPlain
		},
		// Nothing is dialled by crypto/tls; if it were, no peer would be accepted.
		TLSClientConfig:     &tls.Config{MaxVersion: versionTLS12, VerifyConnection: func(tls.ConnectionState) error { return errPlain }},
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     idleTimeout,
	}}
}

// RoundTrip implements http.RoundTripper. It fills in the response's TLS, which
// http.Transport leaves nil for connections that are not crypto/tls's.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL == nil || r.URL.Scheme != "https" {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, errPlain
	}
	var last atomic.Pointer[Conn]
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if c, ok := info.Conn.(*Conn); ok {
			last.Store(c)
		}
	}}
	resp, err := t.base.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		return nil, err
	}
	resp.Request = r
	if c := last.Load(); c != nil {
		state := c.ConnectionState()
		resp.TLS = &state
	}
	return resp, nil
}

// CloseIdleConnections closes the connections that no request uses.
func (t *Transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

var errPlain = errors.New("the connection would not be made by libssl with the endpoint's profile")

// idleTimeout is how long a Transport keeps a connection that no request uses.
const idleTimeout = 90 * time.Second
