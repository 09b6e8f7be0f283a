// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// end is what all connections of a Listener or a Dialer share.
type end struct {
	lib      *library
	checked  *tlsconfig.End
	endpoint *tlsconfig.Endpoint // checked's
	server   bool
	suites   []tlsconfig.Suite
	signing  chan struct{} // has a place for each step of a key that signs elsewhere

	mu      sync.Mutex
	refused *tls.Certificate // fit to be presented, but not in libssl's view
	current *sslContext
}

// newEnd checks everything that can be checked before the first connection.
func newEnd(e *tlsconfig.Endpoint, server bool) (*end, error) {
	lib, err := system()
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, errors.New("no endpoint")
	}
	usage := x509.ExtKeyUsageClientAuth
	if server {
		usage = x509.ExtKeyUsageServerAuth
	}
	checked, err := e.Check(usage)
	if err != nil {
		return nil, err
	}
	d := &end{lib: lib, checked: checked, endpoint: checked.Endpoint(), server: server, suites: checked.Suites(),
		signing: make(chan struct{}, elsewhere)}
	if _, err := d.context(context.Background()); err != nil {
		return nil, err
	}
	return d, nil
}

// context returns the context for the current certificate and pins. A new
// certificate that libssl does not take leaves the one before in use.
func (d *end) context(ctx context.Context) (*sslContext, error) {
	cert := d.checked.Certificate(ctx)
	var subCAs []*x509.Certificate
	if d.server {
		subCAs = d.endpoint.Verifier.Pins.SubCAs()
	}
	current, refusal, err := d.contextOf(cert, subCAs)
	if refusal != nil {
		d.checked.Log(ctx, slog.LevelError, "own certificate not renewed", slog.String("detail", refusal.Error()))
	}
	return current, err
}

// contextOf returns the context for cert, or for the certificate before it and why
// libssl does not take cert, if it has not been said.
func (d *end) contextOf(cert *tls.Certificate, subCAs []*x509.Certificate) (current *sslContext, refusal, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	current = d.current
	if current != nil && cert == d.refused {
		cert = current.cert
	}
	if current != nil && current.cert == cert && slices.EqualFunc(current.subCAs, subCAs, (*x509.Certificate).Equal) {
		return current, nil, nil
	}
	renewed, err := d.newContext(cert, subCAs)
	if err != nil && current != nil && current.cert != cert {
		d.refused, refusal = cert, err
		renewed, err = d.newContext(current.cert, subCAs)
	}
	if err != nil {
		return nil, refusal, err
	}
	// Connections that were made from the one before keep it alive.
	d.current = renewed
	return renewed, refusal, nil
}

func (d *end) newContext(cert *tls.Certificate, subCAs []*x509.Certificate) (*sslContext, error) {
	ctx, err := d.lib.newContext(d.server, d.suites)
	if err != nil {
		return nil, err
	}
	c := &sslContext{lib: d.lib, ctx: ctx, server: d.server, cert: cert, subCAs: subCAs, places: steps}
	if err = c.present(cert); err != nil {
		err = fmt.Errorf("own certificate: %w", err)
	}
	for _, ca := range subCAs {
		if err == nil {
			err = c.request(ca)
		}
	}
	if c.signer != 0 {
		c.places = d.signing
	}
	signer, lib := c.signer, d.lib
	free := func(ctx uintptr) {
		signers.Delete(signer) // before its address can be another's
		lib.freeContext(ctx)
	}
	if err != nil {
		free(ctx) // now: there may be one for each handshake, and the collector does not see how large it is
		return nil, err
	}
	// Sessions keep c alive: nothing signs or is made from it any more when this
	// runs. It must not refer to d, which refers to c.
	runtime.AddCleanup(c, free, ctx)
	return c, nil
}

// handshakeTimeout bounds a handshake, without the time that Endpoint.Timeout
// gives the check of the peer.
const handshakeTimeout = 10 * time.Second

func (d *end) checkTimeout() time.Duration {
	if d.endpoint.Timeout > 0 {
		return d.endpoint.Timeout
	}
	return handshakeTimeout
}

// now is by the Verifier's clock. What is asked here only chooses an alert, so that the
// system's clock does instead of one that panics.
func (d *end) now() (now time.Time) {
	defer func() {
		if recover() != nil {
			now = time.Now()
		}
	}()
	if d.endpoint.Verifier.Time != nil {
		return d.endpoint.Verifier.Time()
	}
	return time.Now()
}
