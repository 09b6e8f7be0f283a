// SPDX-License-Identifier: Apache-2.0

//go:build !race

package openssl_test

const raceDetector = false
