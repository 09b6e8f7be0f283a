// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// BenchmarkMirror asks for a hundred lists over HTTP, in turns of a Mirror and of
// net/http's server of files, which has the same lists. Each operation is a hundred
// requests of four clients to each; what is reported are the medians of both, as requests
// a second, and of the one as a multiple of the other. The fastest would be of the one
// operation in many during which another process left the machine alone.
func BenchmarkMirror(b *testing.B) {
	const lists, clients = 100, 4
	for _, entries := range []int{0, 1000} {
		w := newMirrorWorld(b)
		dir := b.TempDir()
		serials := serialsOf(entries, 16)
		for i := range lists {
			at := fmt.Sprintf("http://crl.nhs.uk/%d.crl", i)
			w.crls.URLs = append(w.crls.URLs, at)
			der := w.publish(at, func(l *revocationtest.CRL) {
				for _, serial := range serials {
					l.Entries = append(l.Entries, revocationtest.Entry{Serial: serial})
				}
			})
			require.NoError(b, w.crls.Add(der))
			name := filepath.Join(dir, strconv.Itoa(i)+".crl")
			require.NoError(b, os.WriteFile(name, der, 0o600))
			require.NoError(b, os.Chtimes(name, time.Time{}, ocspNow.Add(-time.Hour)))
		}
		for _, since := range []string{"", ocspNow.Add(-time.Hour).Format(http.TimeFormat)} {
			status, name := http.StatusOK, "whole"
			if since != "" {
				status, name = http.StatusNotModified, "not modified"
			}
			b.Run(fmt.Sprintf("%d entries/%s", entries, name), func(b *testing.B) {
				handlers := []http.Handler{w.mirror, http.FileServer(http.Dir(dir))}
				var took [2][]float64 // seconds
				var times []float64
				asks := make([]func(), len(handlers))
				for i, handler := range handlers {
					asks[i] = asker(b, handler, lists, clients, since, status)
				}
				for b.Loop() {
					for i, ask := range asks {
						start := time.Now()
						ask()
						took[i] = append(took[i], time.Since(start).Seconds())
					}
					times = append(times, took[1][len(times)]/took[0][len(times)])
				}
				b.ReportMetric(lists/median(took[0]), "mirror/s")
				b.ReportMetric(lists/median(took[1]), "files/s")
				b.ReportMetric(median(times), "x")
			})
		}
	}
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// asker returns a function that asks once for each of the lists.
func asker(b *testing.B, handler http.Handler, lists, clients int, since string, want int) func() {
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	require.NoError(b, err)
	transport := &http.Transport{Proxy: http.ProxyURL(base), MaxIdleConnsPerHost: clients}
	b.Cleanup(transport.CloseIdleConnections)
	return func() {
		var wg sync.WaitGroup
		for client := range clients {
			wg.Go(func() {
				for i := client; i < lists; i += clients {
					r, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://crl.nhs.uk/%d.crl", i), nil)
					if err != nil {
						b.Error(err)
						return
					}
					if since != "" {
						r.Header.Set("If-Modified-Since", since)
					}
					response, err := transport.RoundTrip(r)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
					if response.StatusCode != want {
						b.Error(response.Status)
					}
				}
			})
		}
		wg.Wait()
	}
}
