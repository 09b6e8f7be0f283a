// SPDX-License-Identifier: Apache-2.0

package fhirpath

import "net/http"

// WithoutBodyOfRead returns r as it may go on: a GET or HEAD without its body. To a server
// that reads none of a read, what is in one is the next request (RFC 9110 section 9.3.1),
// which nothing has judged. r itself is not changed.
func WithoutBodyOfRead(r *http.Request) *http.Request {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Body == nil || r.Body == http.NoBody {
		return r
	}
	read := r.WithContext(r.Context())
	read.Header = r.Header.Clone()
	read.Header.Del("Content-Length")
	read.Body, read.ContentLength = http.NoBody, 0
	read.TransferEncoding, read.Trailer = nil, nil
	return read
}
