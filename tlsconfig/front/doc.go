// SPDX-License-Identifier: Apache-2.0

// Package front is the peer source of a server behind a proxy that ends TLS:
// nginx, HAProxy, Apache httpd, Envoy, AWS's load balancers, or any that speaks RFC
// 9440, configured by package terminator or to the same end.
//
//	f := &front.Front{
//		Form:     front.Nginx,
//		Verifier: tlsconfig.Verifier{Pins: pins, FQDNs: []string{"msg.int.spine2.ncrs.nhs.uk"}, Revocation: checker},
//		Proxies:  []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
//		Secret:   secret, // as terminator.Params.Secret
//	}
//	gate := &asid.Gate{Self: self, Peers: f}
//	server := &http.Server{Handler: f.Handler(gate.Middleware(records)), ConnContext: f.ConnContext}
//
// The proxy hands on the client's leaf and the protocol and suite of its
// connection. All else is judged here, for each request: the chain to the pins,
// validity, key, usage, FQDN and revocation. So a certificate that the proxy still
// accepts, because its CRL file is of yesterday or because it knows fewer rules, is
// refused here.
//
// Only what the proxy itself sent counts: over a unix socket of the proxy's
// user, by mutual TLS under the proxy's own name, or over TCP from its address with
// a secret that both know. The headers are removed from every request.
//
// stunnel hands nothing on and lets every header through: nothing behind it can be
// judged, and no Form is for it.
//
//	rule           what is wrong
//	proxy          the request did not come from the proxy
//	front-header   a header of the proxy's is missing, there twice or malformed
//	version        the client's connection to the proxy is not TLS 1.2
//	suite          its suite is none of the list
//	the others     those of tlsconfig's Rule
package front
