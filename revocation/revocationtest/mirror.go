// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"crypto/x509"
	"net/http/httptest"
	"time"
)

// A Mirror is one server with the lists of an [Authority], and goes wrong by itself.
// Its methods are safe for concurrent use.
type Mirror struct {
	URL string // base URL, no trailing slash

	at *server
	by publisher
}

// A publisher is an Authority, as a Mirror needs it.
type publisher interface {
	change(cert *x509.Certificate, complete bool, change func())
	locked(do func())
}

// A server is one of an Authority's. What is wrong with it is read and set under the
// Authority's lock.
type server struct {
	url   string
	http  *httptest.Server
	fault Fault
	delay time.Duration
	lag   time.Duration
}

// CRLURL returns where the Mirror has the list of a batch.
func (m *Mirror) CRLURL(batch int) string { return m.URL + crlPath(batch) }

// DeltaURL returns where the Mirror has the delta CRLs of a batch, if there are
// [Authority.Deltas].
func (m *Mirror) DeltaURL(batch int) string { return m.URL + deltaPath(batch) }

// Fail makes all of the Mirror's answers from now on wrong in one way, until
// Fail(None). The Authority's lists are made anew.
func (m *Mirror) Fail(f Fault) { m.by.change(nil, true, func() { m.at.fault = f }) }

// Delay has each of the Mirror's answers from now on take so much longer.
func (m *Mirror) Delay(d time.Duration) { m.by.locked(func() { m.at.delay = d }) }

// Lag has the Mirror serve from now on what the Authority published so long ago, or
// the first that it published since there is a Mirror; zero: what it publishes now.
func (m *Mirror) Lag(d time.Duration) { m.by.locked(func() { m.at.lag = d }) }
