// SPDX-License-Identifier: Apache-2.0

// Package nginx knows the pages by which nginx itself refuses a client's certificate, for
// the kits that tell such a refusal from an answer of the server behind.
package nginx

import (
	"bytes"
	"mime"
	"net/http"
	"slices"
)

// pages are texts of the pages. nginx' own statuses for them are 495 and 496, of which the
// client sees 400.
var pages = [][]byte{[]byte("400 The SSL certificate error"), []byte("400 No required SSL certificate was sent")}

// RefusesCertificate reports whether an answer is such a page, which is HTML. What another
// server writes about a request, say in JSON, is none, whatever it quotes.
func RefusesCertificate(status int, contentType string, body []byte) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return status == http.StatusBadRequest && err == nil && mediaType == "text/html" &&
		slices.ContainsFunc(pages, func(page []byte) bool { return bytes.Contains(body, page) })
}
