// SPDX-License-Identifier: Apache-2.0

// Package sdstest has stand-ins for the Spine Directory Service (SDS), for tests
// of what is built on package sds: [StartSlapd] runs a real LDAP directory,
// OpenLDAP's slapd, with mutual TLS of a [spinetest.PKI]; [FHIR] answers as the
// FHIR service does, with its faults on demand. Both hold a [Directory].
//
// It is apart from package asidtest, whose users need no LDAP.
package sdstest
