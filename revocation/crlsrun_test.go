// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A CRL that is fetched anew decides at once, and no caller waits
// for it.
func TestCRLsRun(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	path := p.leaf(t, points(at(urls(url))))
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		server := &crlServer{}
		server.publish(url, p.ca.crl())
		crls := &revocation.CRLs{Fetcher: server}
		stop := running(t, crls.Run)
		good.require(t, crls, path, time.Now())
		synctest.Wait()
		require.NotEmpty(t, server.requests()) // the caller's, and Run's if that was there first

		server.publish(url, numbered(between(p.ca.crl(leafSerial), 0, 3*time.Hour), 2))
		time.Sleep(time.Hour - time.Second)
		require.Equal(t, []string{url}, server.requests())
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, time.Now())
		require.Empty(t, server.requests())
		stop()
	})
}

// An outage that outlasts nextUpdate is looked into and logged though no peer connects,
// and what is published at its end is known before one does.
func TestRunGoesOnAfterNextUpdateWithoutTraffic(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	path := p.leaf(t, points(at(urls(url))))
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		server := &crlServer{}
		server.publish(url, between(p.ca.crl(), 0, 3*time.Hour))
		var log testenv.Log
		crls := &revocation.CRLs{Fetcher: server, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		stop := running(t, crls.Run)
		good.require(t, crls, path, time.Now())
		server.mu.Lock()
		server.lists = nil
		server.mu.Unlock()

		time.Sleep(4 * 24 * time.Hour)
		synctest.Wait()
		server.requests()
		log.Reset()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		require.NotEmpty(t, server.requests())
		require.Contains(t, log.String(), "level=WARN")
		require.Contains(t, log.String(), url)

		server.publish(url, numbered(between(p.ca.crl(leafSerial), 0, 7*24*time.Hour), 2))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		server.requests()
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, time.Now())
		require.Empty(t, server.requests(), "the list was fetched before it was asked about")
		stop()
	})
}
