// SPDX-License-Identifier: Apache-2.0

// Package asid decides which system may do what. Each system that connects to
// the National Record Locator (NRL) or the Spine has an Accredited System
// Identifier, an ASID ([ID]), and has been assured for some interactions
// ([InteractionID]). The guidance: "If the interaction ID is not associated with
// the system's ASID, the request will be blocked."
//
// An NRL-like server puts an [Authorizer] before its handlers, over connections
// that tlsconfig has verified. A request passes if
//
//   - its connection is one that the guidance allows;
//   - its headers, fromASID, toASID and Authorization, are there exactly once and
//     well formed, and toASID is this server;
//   - its method and path amount to one interaction, and to no other ([InteractionOf]);
//   - its ASID is in the [Registry], and one of the names of the client
//     certificate is registered for that ASID: without that rule any holder of a
//     Spine certificate could claim any ASID;
//   - the InteractionID header, if there is one, names that interaction, and the
//     ASID is associated with it;
//   - its token says nothing else.
//
// The rule in the middle is a pure function, [Authorize]; [Authorizer.Authorize]
// adds the registry and [Authorizer.Middleware] the request. Handlers find the
// [Caller] by [CallerFrom]; package pointer decides by it whose pointers a
// request may change.
//
// A provider of records puts a [Gate] before them. It takes requests from the
// Spine Secure Proxy (SSP) alone, which has made the checks above; the ASIDs in
// its headers are for audit ([ForwardedFrom]).
//
// A consumer, or a provider that maintains its pointers, sends its requests by a
// [Transport], which adds the headers and the token, and goes through the SSP
// where it is told to.
//
// Registries are a [Memory], a [File] that is read again when it changes, one of
// package asid/sds, which asks the Spine Directory Service, or your own; package
// asidtest checks it.
//
// What is refused is refused by a typed error, which [WriteError] turns into the
// OperationOutcome that the NRL's error table has for it, in JSON or XML.
package asid
