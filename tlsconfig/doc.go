// SPDX-License-Identifier: Apache-2.0

// Package tlsconfig speaks TLS as the NRL's security guidance demands: TLS 1.2
// only, the guidance's cipher suites in its order of preference, and mutual
// authentication by Spine certificates.
//
// Begin with [Endpoint]: it says which certificate this end presents and, by
// its [Verifier], who may be at the other end, and it builds a *tls.Config for
// net/http or anything else that takes one. [Audit] judges a config that came
// from elsewhere. Package tlsconfig/openssl takes the same Endpoint where a
// peer has none of the three suites that crypto/tls has; package
// tlsconfig/spinetest makes a Spine's certificates for tests.
//
// # The way of a handshake
//
// A server chooses the first suite of the guidance's list that the client
// offers. Who offers none gets a handshake_failure alert, who does not offer
// TLS 1.2 protocol_version, and who presents no certificate handshake_failure.
//
// Both ends then verify the peer's certificate, in resumed sessions too, by
// these rules in this order:
//
//   - RuleSubCA, RuleRoot: a pinned SubCA issued the leaf and a pinned root
//     the SubCA, with nothing between. CAs are pinned whole: the same root has
//     SubCAs for other purposes, and a name proves nothing.
//   - RuleValidity: leaf, SubCA and root are valid now.
//   - RuleKey: the leaf has an RSA key of 2048 to 8192 bits; leaf and SubCA are
//     signed with SHA-256 or better.
//   - RuleUsage: an end-entity certificate with digitalSignature and with
//     clientAuth (a client's) or serverAuth (a server's); the constraints of
//     the CAs and critical extensions are honoured (RFC 5280 section 6.1).
//   - RuleFQDN: one of the leaf's names is one of those accepted, whole and
//     without case; see [FQDNs].
//   - RuleRevocation: the RevocationChecker accepts the chain. It is asked
//     last, so that nothing is fetched for an unverified peer.
//
// A refusal is a *[PeerError]. It comes out of the handshake at a client; a
// server's goes to [Endpoint].Logger, since net/http only logs its text. The
// peer gets a bad_certificate alert: crypto/tls sends that whatever the hook
// that verifies says.
//
// # Sessions
//
// Session tickets are on. The chain of a leaf is verified once and the verdict
// cached, bounded, with the pins that it depends on; validity, FQDN and revocation
// are judged in every handshake. So a resumed handshake stays cheap, and a
// certificate that was revoked, or whose SubCA is no longer pinned, does not
// live on in a session. Neither does such a session stand in the way: it is not
// resumed, and a peer that has a new certificate by now is judged by that one.
//
// # HTTP/2
//
// The configs offer HTTP/1.1 only, since HTTP/2 forbids the CBC suites.
package tlsconfig
