// SPDX-License-Identifier: Apache-2.0

// Package revocationtest makes what revocation reads, for tests.
//
// [Authority] is a certification authority's revocation service on loopback: it
// publishes partitioned CRLs, answers OCSP, and goes wrong on demand. It is what
// most tests want:
//
//	authority := revocationtest.NewAuthority(ca, caKey)
//	defer authority.Close()
//	// Issue a certificate that names authority.CRLURL(7), then:
//	source := &revocation.CRLs{Fetcher: authority.Fetcher()}
//	authority.Revoke(cert, revocation.ReasonKeyCompromise, time.Now())
//	authority.Fail(revocationtest.Expired)
//
// It also does what CAs do over time: holds and releases, delta CRLs, new keys,
// numbers from 1 again. A [Mirror] is a further server with its lists, which lags,
// hangs or fails by itself. With Authority.Fetcher all of it works in a bubble of
// testing/synctest too, where days pass at once. The servers are started outside:
//
//	mirror := authority.NewMirror()
//	synctest.Test(t, func(t *testing.T) {
//		mirror.Delay(2 * time.Second)
//		mirror.Lag(72 * time.Hour)
//		time.Sleep(48 * time.Hour)
//		// Check a certificate that names mirror.CRLURL(7) and authority.CRLURL(7).
//	})
//
// [CRL] and [OCSPResponse] describe single documents, right or wrong. Their zero
// values, with issuer and key filled in, are ordinary documents that a checker
// must accept; each further field changes one thing.
//
// [TestSource] checks a user's own implementation of [revocation.Source], [TestCache] one of
// [revocation.Cache].
//
// Nothing here needs a testing.TB, so that examples can use it too. Functions
// panic where they are given what they cannot work with, as those of
// net/http/httptest do.
package revocationtest
