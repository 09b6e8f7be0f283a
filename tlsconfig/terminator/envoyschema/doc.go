// SPDX-License-Identifier: Apache-2.0

// Package envoyschema holds what package terminator writes for Envoy against Envoy's
// own protobuf definitions, read as Envoy reads files, and their validation rules. It
// is a module of its own, so that no user downloads these, and has nothing but tests.
package envoyschema
