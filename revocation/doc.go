// SPDX-License-Identifier: Apache-2.0

// Package revocation tells whether a certificate has been revoked: by CRLs (RFC
// 5280 section 6.3) and by OCSP (RFC 6960), from the network, from files, from a
// cache or from bytes that were added. What no signed answer clears is refused.
//
// A [Checker] asks its sources about each certificate of a chain that has been
// verified, and returns nil, [*RevokedError] or [*UnknownError]:
//
//	fetcher := &revocation.HTTPFetcher{} // reaches crl.nhs.uk and ocsp.nhs.uk only
//	crls := &revocation.CRLs{Fetcher: fetcher, Cache: revocation.DirCache("/var/cache/crls")}
//	go crls.Run(ctx) // looks for news, each hour if not told otherwise
//	checker := &revocation.Checker{Sources: []revocation.Source{crls}}
//	err := checker.Check(ctx, chain, nil)
//
// The sources are [CRLs] and [OCSP]; their order and the Checker's [Policy] say
// how many have to answer, how deep the chain is asked about, and how old a last
// good answer may be where the network is down. Left as it is, a Policy is the
// strictest.
//
// # A set of documents that only grows
//
// Whatever a source has seen, in whatever order and by whatever way, is one set of
// signed documents. A decision is a function of that set, the chain and the time.
// So a list that revokes is not forgotten because an older one was added, a mirror
// lags, the process was restarted or another one shares the cache:
//
//   - A series is the lists of one CRL issuer, key and scope. A list is superseded
//     by another of its series of which neither thisUpdate nor number is lower, and
//     one is higher. Of those that are not superseded the latest decides what is
//     good; what the others revoke is revoked, too. So a CA whose clock was fast,
//     that signs in advance, or that begins its numbers anew clears nothing by
//     mistake.
//   - A revocation counts beyond the list's nextUpdate, a good answer does not. A
//     hold (certificateHold) is a revocation like any other, until it is released.
//   - A permanent revocation is removed by its own series alone; a hold also by
//     a later, current document of the same CA, once the list with the hold has
//     expired.
//   - All that is known is asked before a certificate is cleared, whatever the order of
//     Sources: what one source knows to be revoked is revoked.
//   - A key that was revoked for its compromise clears nothing, neither by CRLs nor, if
//     [OCSP.ResponderStatus] is a [CRLs], by OCSP, whichever of its certificates was
//     revoked. By OCSP it removes no revocation either, not even one of its own, which
//     stands until a later, current answer of another key clears the certificate. A
//     CRL of such a key still takes the place of an earlier one of the same key; a
//     certificate that is listed there no longer is accepted only if a current list
//     of another key clears it.
//   - Of one OCSP responder's answers about a certificate the latest takes the place of
//     the others. It removes no revocation if it says unknown, or if its producedAt lies
//     before its thisUpdate: what is said in advance does not know of it.
//
// # CRLs
//
// A CRL counts for a certificate if it is signed by a key that may sign CRLs for
// the certificate's issuer, is current, and is authoritative: its
// issuingDistributionPoint has a name of the distribution point in the
// certificate, and is for certificates of its kind. That matters with partitioned
// CRLs, as those of the NHS are: a current, properly signed CRL of the right
// issuer but of another batch proves nothing. CRLs for some reasons only are
// combined until all reasons are covered; indirect and delta CRLs are understood.
//
//   - Of the names of a distribution point, http and https URLs are fetched.
//     Others, such as ldap URLs, are passed over, and the error says so if there is
//     nothing else; [CRLs.URLs] may name a mirror.
//   - A CRL with a critical extension that is not known proves nothing about any
//     certificate.
//   - A version 1 certificate is outside the scope of onlyContainsUserCerts (RFC 5280
//     section 5.2.5).
//   - A serial that is listed twice is revoked, whatever the listings say;
//     removeFromCRL is allowed in delta CRLs only.
//   - A delta CRL that is to be had is used. One that is not takes nothing from
//     the complete CRL, which counts until its own nextUpdate.
//   - A certificate of a CRL issuer that is not in the chain comes from
//     [CRLs.Issuers], needs a path to the chain's own root, and must not be revoked.
//   - Names are compared by RFC 5280 sections 7.1 and 7.4: without regard to case,
//     spacing and string type; URLs without regard to the case of scheme and host,
//     the default port, percent-encoding and dot segments. Where it cannot be told
//     whether an entry of an indirect CRL is of the certificate's issuer, it is.
//
// Documents are read as strict DER, signed with RSA or ECDSA and SHA-256 or
// better. More is taken where it has one meaning only and real CAs write it:
//
//   - a GeneralizedTime before 2050 (RFC 5280 section 5.1.2.4: both forms must be
//     processed)
//   - an empty revokedCertificates or crlEntryExtensions
//   - a reasonCode that is absent or unspecified
//   - the default version written out in an OCSP response, and one answer given
//     twice, by SHA-1 and by SHA-256
//   - CRL files with several PEM blocks, text between them and a byte order mark
//
// # What is asked when
//
//   - At first use: the URLs of the certificate's distribution points, or its
//     responder. The lists of a chain are asked for together. The URLs of one point
//     have a head start of a second each, and the first that decides ends the
//     wait. No caller waits for one attempt longer than five seconds.
//   - Again within [CRLs.Refresh] or [OCSP.Refresh], an hour if not set, fetching
//     included: every URL, since the first of two mirrors may be behind. Run does
//     it, and asks for what runs out sooner before it does. Without Run, a check
//     that finds a look overdue begins it and does not wait. No URL is asked more
//     often than about every 15 seconds.
//   - Conditionally, where the server gave validators; once a day, and when the
//     document has run out, as a whole and with Cache-Control: no-cache.
//   - After a failure: 15 seconds after the start of the last attempt, where a check
//     has nothing to go by. Run on its own asks what goes on failing less and less
//     often, each five minutes at the least, and heeds Retry-After.
//   - The Cache: at first use, with a second for it, and at each look.
//   - [CRLs.Files]: at first use and each minute.
//   - From the start, whether or not a certificate names them: [CRLs.URLs].
//   - After a restart: everything at its first use, as if it had never been looked
//     after. The Cache has the documents, not when they were fetched last.
//
// Times are those of the wall clock. A machine that was suspended finds out within
// a minute that its looks are old, and a clock that was set back keeps neither a
// failure nor a look.
//
// # In an outage
//
// Known and current documents answer without waiting, from memory, and without a lock
// or an allocation until something that the answer depends on changes, begins or ends.
// When they expire, certificates are refused with an [*UnknownError] that says what
// each URL answered, and are accepted again within 15 seconds of the outage's end.
// [Policy] can allow an answer that ran out less than MaxStale ago, with a warning in
// the log for each use; a certificate that was never cleared, or that was last known as
// revoked, is refused all the same. A restart during an outage changes nothing if there
// is a Cache.
//
// A URL, a cache or a Fetcher that hangs costs a check whose answer is known
// nothing, but for the first look at a delta CRL or at a source ahead of the one
// that answers: a second, once for each host.
//
// # What is kept in memory
//
// A superseded document is evicted a day after thisUpdate of the one that supersedes
// it, but of each OCSP responder the latest revocation, by how much it says against the
// key. CRLs from URLs and the Cache whose signer is not known yet may take 256 MiB;
// beyond that, CRLs of the URL or entry of the Cache with the most octets are evicted.
// [CRLs.Add] has a bound of its own. OCSP answers are cached about 100,000
// certificates, with a mebibyte about each; [OCSP] says which are evicted first. What
// came from a URL or the Cache and was evicted comes again at the next fetch.
//
// An entry of a CRL takes its serial number and about 8 octets. Where the DER stays in
// memory, for a Cache or KeepDER, it takes those and about 6 octets, but with a Cache
// other than DirCache, or a Fetcher other than HTTPFetcher, both: what these may write
// to, entries are not looked up in.
//
// # How to see it
//
// [CRLs.State] and [OCSP.State] tell each document that is known, whether it decides
// or only stands, and when each URL was last looked after, will be again, and what
// was wrong. The example of CRLs.State is a readiness check; examples/metrics is a
// Prometheus collector. Two alerts are enough: a look that is older than twice
// Refresh, and a list that decides and runs out in less than the time it takes to
// mend the network.
//
// The Logger tells of a list that was replaced, of one that is older than what is
// known, of a CA whose numbers and times run against each other, and of each attempt
// that failed; [Checker.Record] of every decision.
//
// CRLs.Lists hands out the verified lists of given CAs with their octets, for
// proxies and other programs that read CRLs for themselves, and CRLs.Changed tells
// when there are others.
//
// # Machines without a way out
//
// One machine fetches, and a [Mirror] on it serves what is verified and current to
// the others: their HTTPFetcher has [RewriteHost] as its Rewrite, and other programs
// have the Mirror as their HTTP proxy. They verify for themselves. A revocation takes
// the Mirror's Refresh and theirs together; in an outage both go on with what they
// know. examples/crls is such a machine as a program.
//
// # What to set
//
//   - Let the network through to the hosts of the certificates' URLs. [HTTPFetcher]
//     asks no others: name them with [AllowHosts], or go to a mirror with Rewrite.
//   - Give every CRLs and OCSP a Cache: [DirCache] on a volume that survives a
//     restart, in a folder of its own, or one that a fleet shares.
//   - Have Run going, also for lists that take longer than a handshake has.
//   - [Policy.MaxAge] where a CA's lists are valid for months and the guidance wants
//     younger ones. Refresh need not be shorter than an hour for lists of a day.
//   - OCSP.NoNonce where responders sign in advance, as those of large CAs do.
//
// # Taking a document out
//
// What a CA has signed counts until it is superseded, also if the CA did not mean
// it. State names the list that refuses, by Source and Number. The CA's way out is
// to issue a later list. A person's is to stop every process that shares the Cache,
// remove the entry or the whole Cache, the file of [CRLs.Files] and what the program
// gives to Add, and start them again: what one of them still knows it puts back.
package revocation
