// SPDX-License-Identifier: Apache-2.0

// Package asid decides which system may do what. Each system that connects to
// the National Record Locator (NRL) or the Spine has an Accredited System
// Identifier, an ASID ([ID]), and has been assured for some interactions
// ([InteractionID]). The guidance: "If the interaction ID is not associated with
// the system's ASID, the request will be blocked."
//
// An NRL-like server puts an [Authorizer] before its handlers. A request passes if
//
//   - its peer is one that the server's [PeerSource] has verified, for this request:
//     a connection outlives its handshake. A *tlsconfig.Endpoint is such a source,
//     and behind a proxy the one of package tlsconfig/front;
//   - its headers, fromASID, toASID and Authorization, are there exactly once and
//     well formed, and toASID is this server;
//   - its method and path amount to one interaction, and to no other
//     ([InteractionOf]); nothing in it asks for another method, URL or protocol;
//   - its ASID is in the [Registry], and the client certificate is registered for
//     that ASID: without that rule any holder of a Spine certificate could claim
//     any ASID;
//   - the InteractionID header, if there is one, names that interaction, and the
//     ASID is associated with it;
//   - its token says nothing else; how much of it is checked is a [TokenCheck].
//
// The rule in the middle is a pure function, [Authorize]; [Authorizer.Authorize]
// adds the registry and [Authorizer.Middleware] the request. Handlers find the
// [Caller] by [CallerFrom]; package pointer decides by it whose pointers a
// request may change.
//
// A provider puts a [Gate] before its records, or before the endpoints of several
// APIs ([Gate.Handler]). It takes requests from the Spine Secure Proxy (SSP) alone,
// which has made the checks above; the ASIDs in its headers are for audit
// ([ForwardedFrom]).
//
// A consumer, or a provider that maintains its pointers, sends its requests by a
// [Transport], which adds the headers and the token, and goes through the SSP
// where it is told to; a [Retry] around it repeats what may be repeated. Both keep a
// request's context and other headers, and so do audit records: OpenTelemetry's
// otelhttp works around them and, with a span for each attempt, as the Base. The URLs
// in its spans have the NHS numbers of searches.
//
// Registries are a [Memory], a [File] that is read again when it changes, those of
// package asid/sds, which ask the Spine Directory Service, or your own, of systems
// made with [NewSystem]; package asidtest checks it.
//
// What is refused is refused by a [*RequestError], whose [Rule] is the word in the
// log, and which [WriteError] turns into the OperationOutcome that the NRL's error
// table has for it, in JSON or XML. What the log's records have is at [Audit].
package asid
