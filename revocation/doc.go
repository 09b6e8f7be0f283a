// SPDX-License-Identifier: Apache-2.0

// Package revocation tells whether a certificate has been revoked: by CRLs (RFC
// 5280 section 6.3) and by OCSP (RFC 6960), from the network, from a cache or
// from bytes at hand. What nobody can vouch for is refused.
//
// A [Checker] asks its sources about each certificate of a chain that has been
// verified, and returns nil, [*RevokedError] or [*UnknownError]:
//
//	fetcher := &revocation.HTTPFetcher{} // reaches crl.nhs.uk only
//	crls := &revocation.CRLs{Fetcher: fetcher, Cache: revocation.DirCache("/var/cache/crls")}
//	go crls.Run(ctx) // fetches CRLs anew before their time is over
//	checker := &revocation.Checker{Sources: []revocation.Source{crls}}
//	err := checker.Check(ctx, chain, nil)
//
// The sources are [CRLs] and [OCSP]; their order and the Checker's [Policy] say
// how many have to answer, how deep the chain is asked about, and how old a last
// good answer may be where the network is down. Left as it is, a Policy is the
// strictest.
//
// # CRLs
//
// A CRL counts for a certificate if it is signed by a key that may sign CRLs for
// the certificate's issuer, is of the time, and is authoritative: its
// issuingDistributionPoint has a name of the distribution point in the
// certificate, and is for certificates of its kind. That matters with partitioned
// CRLs, as those of the NHS are: a current, properly signed CRL of the right
// issuer but of another batch proves nothing. CRLs for some reasons only are
// combined until all reasons are covered; indirect and delta CRLs are understood.
//
//   - CRLs that were given to [CRLs.Add] are kept side by side, and the newest of
//     each scope is always consulted; the network is asked for what they leave
//     open.
//   - Of the names of a distribution point, http and https URLs are fetched, in
//     their order. Others, such as ldap URLs, are passed over, and the error says
//     so if there is nothing else.
//   - A CRL has to be strict DER (or PEM of it) of what RFC 5280 allows, with a
//     nextUpdate, signed with RSA or ECDSA and SHA-256 or better. One with a
//     critical extension that is not known proves nothing about any certificate.
//   - certificateHold is a revocation like any other. removeFromCRL takes one back,
//     and is allowed in delta CRLs only.
//   - A serial that is listed twice is revoked, whatever the listings say.
//   - A revocation is believed beyond the CRL's nextUpdate, a good answer is not.
//   - A delta CRL that is to be had is used. One that is not takes nothing from
//     the complete CRL, which counts until its own nextUpdate.
//   - A certificate of a CRL issuer that is not in the chain comes from
//     CRLs.Issuers, needs a path to the chain's own root, and must not be revoked.
//   - A CRL issuer whose certificate is on no CRL but its own is believed when it
//     says that it is not revoked, as RFC 5280 has it, unless a CRL that is kept
//     says otherwise.
//   - Names are compared by RFC 5280 section 7.1, that is, without regard to case,
//     spacing and string type. URLs are compared octet by octet. Where it cannot be
//     told whether an entry of an indirect CRL is of the certificate's issuer, it is.
//
// A CRL of a million entries is loaded in about one and a half times the time that
// hashing it takes, with two processors (BenchmarkLoad), and kept in about 6 octets
// an entry beside the serials.
//
// # Warm and cold
//
// An answer is kept, and given again without a lock or an allocation, until
// something that it rests on changes: a CRL or a response is replaced or added, or
// its time or that of its signer's certificate is over. So a handshake, resumed or not, costs
// the network nothing once the first has been made, provided that Run keeps the
// documents fresh.
package revocation
