// SPDX-License-Identifier: Apache-2.0

// Package spinetest is a Spine in memory, for tests.
//
// [PKI] has what a system meets on the Spine: a root, the authentication SubCA
// that issues to systems, a sibling SubCA whose certificates must open nothing,
// and revocation services on loopback for both CAs. [PKI.Issue] makes
// certificates as the Spine does, the FQDN in the common name and nowhere else,
// and, with a [Variation], each kind that must be refused.
//
// A provider's unit test:
//
//	pki := spinetest.NewPKI()
//	defer pki.Close()
//	server := pki.NewServer(pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk"), records)
//	defer server.Close()
//
//	ssp := pki.Issue("ssp.nhs.uk")
//	response, err := server.Client(ssp).Get(server.URL)
//	...
//	pki.Authority.Revoke(ssp.Leaf, revocation.ReasonKeyCompromise, time.Now())
//	_, err = server.Client(ssp).Get(server.URL) // refused
//
// [TestServer] and [TestClient] put any [crypto/tls.Config] through the
// handshakes that the guidance allows and forbids, [TestService] a running server
// through requests: each of its listeners and routes, and connections that stay
// open. Time passes by [PKI.Pass] for what has [PKI.Now] for a clock, such as
// caches, which then look for news.
//
// Nothing here but the Run functions needs a testing.T. What cannot be
// made panics, as in net/http/httptest. Keys are RSA 2048 and made when first
// needed, which takes a tenth of a second each; those of leaves are kept for the
// process, by FQDN, those of CAs are never shared.
package spinetest
