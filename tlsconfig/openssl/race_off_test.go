//go:build !race

package openssl_test

const raceDetector = false
