// SPDX-License-Identifier: Apache-2.0

// Package sds finds systems in the Spine Directory Service (SDS), the national
// register of who may do what.
//
//   - [LDAP] is an [asid.Registry] on the directory itself: the first choice, since
//     it can be asked by ASID and tells an unknown ASID from trouble.
//   - [FHIR] asks the directory's FHIR service, which cannot be asked by ASID. It
//     checks a claimed ASID by its claimed organisation and interaction, and finds
//     a provider's ASID and endpoint for a consumer ([FHIR.Provider]).
//   - [Snapshot] holds a whole directory in memory, from LDIF or from another
//     source, for servers that must not wait.
//   - [Overlay] adds an operator's own bindings of certificates to ASIDs.
//
// # Unknown is not trouble
//
// An ASID is unknown, [asid.ErrNotFound], only when the directory says so. All
// else is an [*Error], which asid answers with 503: an outage never makes a system
// unknown, and never makes it known. Over LDAP the directory's answers tell the
// two apart. The FHIR service answers 200 with an empty Bundle in an outage, so
// that an empty answer counts only while a canary, a system known to exist, is
// found.
//
// What trouble becomes, for an ASID that is there and for one that is not: 503 says
// that it could not be told, and 403 that the ASID is unknown.
//
//	trouble                                          there     not there
//	LDAP: none                                       allowed   403
//	LDAP: access lost, records hidden                503       503 (the latter by the canary)
//	LDAP: organisations or interactions hidden       503       503 (by the canary)
//	LDAP: size limit, referral, several records      503       503
//	LDAP: slow, hung, restarting, certificate revoked 503      503
//	FHIR: none, or the shape of before 2021          allowed   403
//	FHIR: an empty Bundle in an outage               503       503
//	FHIR: a part with a total that fits              503       503 (if it has 100 records or lacks the canary)
//	FHIR: another caller's answer, or one with an Age 503      503 (it is a cache's)
//	FHIR: 500 for one record                         503 for that key alone
//	FHIR: 401, 429, 500 or 503 for all, no answer    503       503
//
// A record that is cached is used meanwhile, for as long as [Caching] says.
//
// # Equal is equal octet by octet
//
// The directory's matching rules take full-width digits, other case and blanks for
// the same. What cannot be an ASID, an ODS code or an interaction is refused before
// anything is asked, and what comes back is compared octet by octet.
//
// # Freshness
//
// Answers are cached as [Caching] says, an ASID's rights for five minutes by
// default. A system is as old as the oldest of what was asked for it, its FQDNs
// included. One look-up is in flight for each key however many wait for it. Run
// refreshes what is in use before it expires. Stale answers are used only if
// MaxStale says for how long.
package sds
