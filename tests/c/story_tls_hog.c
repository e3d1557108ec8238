/* The library of story 6 that takes 64 bytes of static TLS. */
__thread char hog[64] __attribute__((tls_model("initial-exec"), aligned(64))) = {1};

char *hog_address(void) { return hog; }
