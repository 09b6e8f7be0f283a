// SPDX-License-Identifier: Apache-2.0

// Package bench compares the library with its peers, and tries it with OpenTelemetry.
// It is a module of its own, so that the library does not depend on them:
//
//	cd bench && go test -bench .
package bench
