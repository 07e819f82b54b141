/*
 * A stand-in for the TPM of Windows, for Wine, which has none: ncrypt.dll as far as the platform provider goes, and the
 * one function of tbs.dll that says that there is a TPM. Signatures are made by Wine's own bcrypt; agreements, which
 * Wine 8 lacks, by the few lines of arithmetic below. Keys lie as private blobs below C:\tpm. While C:\tpm\broken is
 * there, the chip is not ready; while C:\tpm\no-agreement is there, it agrees on no secret.
 *
 * What it is for: the headers of Windows, and this compiler, know the order and size of every argument.
 */
#include <windows.h>
#include <bcrypt.h>
#include <ncrypt.h>

#define PROVIDER ((NCRYPT_PROV_HANDLE)0x1234)
#define BLOB_BYTES 256

struct key {
  BCRYPT_ALG_HANDLE algorithm;
  BCRYPT_KEY_HANDLE key;
  WCHAR file[MAX_PATH];
  /* A private key's, or a peer's. */
  BYTE blob[BLOB_BYTES];
  DWORD blob_size;
  /* What was agreed on, in the place of a key. */
  BYTE secret[32];
};

static BOOL is_there(LPCWSTR file) { return GetFileAttributesW(file) != INVALID_FILE_ATTRIBUTES; }

static struct key *as_key(NCRYPT_HANDLE handle) { return (struct key *)handle; }

static void file_of(struct key *key, LPCWSTR name) {
  lstrcpyW(key->file, L"C:\\tpm\\");
  lstrcatW(key->file, name);
}

static void let_go(struct key *key) {
  if (key->key) BCryptDestroyKey(key->key);
  if (key->algorithm) BCryptCloseAlgorithmProvider(key->algorithm, 0);
  HeapFree(GetProcessHeap(), 0, key);
}

static struct key *new_key(LPCWSTR algorithm, LPCWSTR name) {
  struct key *key = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *key);
  file_of(key, name);
  if (BCryptOpenAlgorithmProvider(&key->algorithm, algorithm, NULL, 0)) {
    let_go(key);
    return NULL;
  }
  return key;
}

/* Numbers modulo P = 2^256 - 2^224 + 2^192 + 2^96 - 1 of eight words, the lowest first. Slow and simple. */
typedef struct { UINT32 word[8]; } number;

static const number P = {{0xffffffff, 0xffffffff, 0xffffffff, 0, 0, 0, 1, 0xffffffff}};

static UINT32 subtract(number *r, const number *a, const number *b) {
  UINT64 borrow = 0;
  for (int i = 0; i < 8; i++) {
    UINT64 difference = (UINT64)a->word[i] - b->word[i] - borrow;
    r->word[i] = (UINT32)difference;
    borrow = difference >> 63;
  }
  return (UINT32)borrow;
}

static UINT32 carry_add(number *r, const number *a, const number *b) {
  UINT64 sum = 0;
  for (int i = 0; i < 8; i++) {
    sum += (UINT64)a->word[i] + b->word[i];
    r->word[i] = (UINT32)sum;
    sum >>= 32;
  }
  return (UINT32)sum;
}

static number add(number a, number b) {
  number sum, less;
  UINT32 carry = carry_add(&sum, &a, &b);
  UINT32 borrow = subtract(&less, &sum, &P);
  return carry || !borrow ? less : sum;
}

static number sub(number a, number b) {
  number difference;
  if (subtract(&difference, &a, &b)) carry_add(&difference, &difference, &P);
  return difference;
}

static BOOL bit(const number *a, int i) { return (a->word[i / 32] >> (i % 32)) & 1; }

static number mul(number a, number b) {
  number product = {{0}};
  for (int i = 255; i >= 0; i--) {
    product = add(product, product);
    if (bit(&b, i)) product = add(product, a);
  }
  return product;
}

static number inverse(number a) {
  number exponent = P, result = {{1}};
  exponent.word[0] -= 2;
  for (int i = 255; i >= 0; i--) {
    result = mul(result, result);
    if (bit(&exponent, i)) result = mul(result, a);
  }
  return result;
}

static number from_bytes(const BYTE *bytes) {
  number a;
  for (int i = 0; i < 8; i++) {
    const BYTE *at = bytes + 28 - 4 * i;
    a.word[i] = (UINT32)at[0] << 24 | (UINT32)at[1] << 16 | (UINT32)at[2] << 8 | at[3];
  }
  return a;
}

/* The x coordinate of d times (x, y), lowest byte first, as BCRYPT_KDF_RAW_SECRET is. Jacobian coordinates. */
static void agree(const BYTE *d, const BYTE *x, const BYTE *y, BYTE *secret) {
  number scalar = from_bytes(d), qx = from_bytes(x), qy = from_bytes(y);
  number X = qx, Y = qy, Z = {{1}};
  int i = 255;
  while (i > 0 && !bit(&scalar, i)) i--;
  while (--i >= 0) {
    number delta = mul(Z, Z), gamma = mul(Y, Y), beta = mul(X, gamma);
    number alpha = mul(sub(X, delta), add(X, delta));
    alpha = add(alpha, add(alpha, alpha));
    number beta4 = add(add(beta, beta), add(beta, beta)), g2 = mul(gamma, gamma);
    number g8 = add(add(add(g2, g2), add(g2, g2)), add(add(g2, g2), add(g2, g2)));
    number yz = add(Y, Z);
    Z = sub(sub(mul(yz, yz), gamma), delta);
    X = sub(mul(alpha, alpha), add(beta4, beta4));
    Y = sub(mul(alpha, sub(beta4, X)), g8);
    if (!bit(&scalar, i)) continue;
    number zz = mul(Z, Z), h = sub(mul(qx, zz), X), r = sub(mul(qy, mul(Z, zz)), Y);
    number hh = mul(h, h), hhh = mul(h, hh), v = mul(X, hh);
    X = sub(sub(mul(r, r), hhh), add(v, v));
    Y = sub(mul(r, sub(v, X)), mul(Y, hhh));
    Z = mul(Z, h);
  }
  number z = inverse(Z), result = mul(X, mul(z, z));
  for (int n = 0; n < 32; n++) secret[n] = (BYTE)(result.word[n / 4] >> (8 * (n % 4)));
}

SECURITY_STATUS WINAPI NCryptOpenStorageProvider(NCRYPT_PROV_HANDLE *provider, LPCWSTR name, DWORD flags) {
  if (lstrcmpW(name, MS_PLATFORM_CRYPTO_PROVIDER) || flags) return NTE_INVALID_PARAMETER;
  if (is_there(L"C:\\tpm\\broken")) return NTE_DEVICE_NOT_READY;
  *provider = PROVIDER;
  return ERROR_SUCCESS;
}

SECURITY_STATUS WINAPI NCryptCreatePersistedKey(NCRYPT_PROV_HANDLE provider, NCRYPT_KEY_HANDLE *handle,
    LPCWSTR algorithm, LPCWSTR name, DWORD spec, DWORD flags) {
  if (provider != PROVIDER || spec || flags != NCRYPT_MACHINE_KEY_FLAG) return NTE_INVALID_PARAMETER;
  struct key *key = new_key(algorithm, name);
  if (!key) return NTE_NOT_SUPPORTED;
  if (BCryptGenerateKeyPair(key->algorithm, &key->key, 256, 0)) {
    let_go(key);
    return NTE_NOT_SUPPORTED;
  }
  *handle = (NCRYPT_KEY_HANDLE)key;
  return ERROR_SUCCESS;
}

SECURITY_STATUS WINAPI NCryptFinalizeKey(NCRYPT_KEY_HANDLE handle, DWORD flags) {
  BYTE blob[BLOB_BYTES];
  ULONG size = 0;
  DWORD written = 0;
  if (flags != NCRYPT_SILENT_FLAG) return NTE_BAD_FLAGS;
  if (BCryptFinalizeKeyPair(as_key(handle)->key, 0)) return NTE_FAIL;
  if (BCryptExportKey(as_key(handle)->key, NULL, BCRYPT_ECCPRIVATE_BLOB, blob, sizeof blob, &size, 0)) return NTE_FAIL;
  HANDLE file = CreateFileW(as_key(handle)->file, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return NTE_EXISTS;
  WriteFile(file, blob, size, &written, NULL);
  CloseHandle(file);
  return written == size ? ERROR_SUCCESS : NTE_FAIL;
}

SECURITY_STATUS WINAPI NCryptOpenKey(NCRYPT_PROV_HANDLE provider, NCRYPT_KEY_HANDLE *handle, LPCWSTR name,
    DWORD spec, DWORD flags) {
  if (provider != PROVIDER || spec || flags != (NCRYPT_MACHINE_KEY_FLAG | NCRYPT_SILENT_FLAG))
    return NTE_INVALID_PARAMETER;
  struct key *key = new_key(BCRYPT_ECDSA_P256_ALGORITHM, name);
  if (!key) return NTE_FAIL;
  HANDLE file = CreateFileW(key->file, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
  BOOL read = file != INVALID_HANDLE_VALUE && ReadFile(file, key->blob, BLOB_BYTES, &key->blob_size, NULL);
  if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
  BOOL signs = read && ((BCRYPT_ECCKEY_BLOB *)key->blob)->dwMagic == BCRYPT_ECDSA_PRIVATE_P256_MAGIC;
  if (!read || (signs && BCryptImportKeyPair(key->algorithm, NULL, BCRYPT_ECCPRIVATE_BLOB, &key->key, key->blob,
                             key->blob_size, 0))) {
    let_go(key);
    return NTE_BAD_KEYSET;
  }
  *handle = (NCRYPT_KEY_HANDLE)key;
  return ERROR_SUCCESS;
}

SECURITY_STATUS WINAPI NCryptExportKey(NCRYPT_KEY_HANDLE handle, NCRYPT_KEY_HANDLE wrapping, LPCWSTR kind,
    NCryptBufferDesc *parameters, PBYTE into, DWORD size, DWORD *used, DWORD flags) {
  if (wrapping || lstrcmpW(kind, BCRYPT_ECCPUBLIC_BLOB) || parameters || flags != NCRYPT_SILENT_FLAG)
    return NTE_INVALID_PARAMETER;
  return BCryptExportKey(as_key(handle)->key, NULL, kind, into, size, used, 0) ? NTE_FAIL : ERROR_SUCCESS;
}

SECURITY_STATUS WINAPI NCryptImportKey(NCRYPT_PROV_HANDLE provider, NCRYPT_KEY_HANDLE wrapping, LPCWSTR kind,
    NCryptBufferDesc *parameters, NCRYPT_KEY_HANDLE *handle, PBYTE blob, DWORD size, DWORD flags) {
  if (provider != PROVIDER || wrapping || lstrcmpW(kind, BCRYPT_ECCPUBLIC_BLOB) || parameters ||
      flags != NCRYPT_SILENT_FLAG)
    return NTE_INVALID_PARAMETER;
  struct key *key = new_key(BCRYPT_ECDH_P256_ALGORITHM, L"peer");
  if (!key) return NTE_FAIL;
  if (size != sizeof(BCRYPT_ECCKEY_BLOB) + 64 ||
      BCryptImportKeyPair(key->algorithm, NULL, kind, &key->key, blob, size, 0)) {
    let_go(key);
    return NTE_BAD_DATA;
  }
  for (DWORD i = 0; i < size; i++) key->blob[i] = blob[i];
  key->blob_size = size;
  *handle = (NCRYPT_KEY_HANDLE)key;
  return ERROR_SUCCESS;
}

SECURITY_STATUS WINAPI NCryptSignHash(NCRYPT_KEY_HANDLE handle, VOID *padding, PBYTE hash, DWORD hash_size,
    PBYTE into, DWORD size, DWORD *used, DWORD flags) {
  if (padding || hash_size != 32 || flags != NCRYPT_SILENT_FLAG) return NTE_INVALID_PARAMETER;
  return BCryptSignHash(as_key(handle)->key, NULL, hash, hash_size, into, size, used, 0) ? NTE_FAIL : ERROR_SUCCESS;
}

SECURITY_STATUS WINAPI NCryptSecretAgreement(NCRYPT_KEY_HANDLE key, NCRYPT_KEY_HANDLE peer,
    NCRYPT_SECRET_HANDLE *secret, DWORD flags) {
  if (!key || !peer || flags != NCRYPT_SILENT_FLAG) return NTE_INVALID_PARAMETER;
  if (is_there(L"C:\\tpm\\no-agreement")) return NTE_NOT_SUPPORTED;
  struct key *made = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *made);
  const BYTE *ours = as_key(key)->blob + sizeof(BCRYPT_ECCKEY_BLOB);
  const BYTE *theirs = as_key(peer)->blob + sizeof(BCRYPT_ECCKEY_BLOB);
  agree(ours + 64, theirs, theirs + 32, made->secret);
  *secret = (NCRYPT_SECRET_HANDLE)made;
  return ERROR_SUCCESS;
}

SECURITY_STATUS WINAPI NCryptDeriveKey(NCRYPT_SECRET_HANDLE secret, LPCWSTR how, NCryptBufferDesc *parameters,
    PBYTE into, DWORD size, DWORD *used, ULONG flags) {
  if (lstrcmpW(how, BCRYPT_KDF_RAW_SECRET) || parameters || size < 32 || flags) return NTE_INVALID_PARAMETER;
  for (DWORD i = 0; i < 32; i++) into[i] = as_key(secret)->secret[i];
  *used = 32;
  return ERROR_SUCCESS;
}

SECURITY_STATUS WINAPI NCryptDeleteKey(NCRYPT_KEY_HANDLE handle, DWORD flags) {
  if (flags != NCRYPT_SILENT_FLAG) return NTE_BAD_FLAGS;
  DeleteFileW(as_key(handle)->file);
  let_go(as_key(handle));
  return ERROR_SUCCESS;
}

SECURITY_STATUS WINAPI NCryptFreeObject(NCRYPT_HANDLE handle) {
  if (handle != PROVIDER) let_go(as_key(handle));
  return ERROR_SUCCESS;
}

/* tbs.h: TPM_DEVICE_INFO of a TPM 2.0. */
DWORD WINAPI Tbsi_GetDeviceInfo(UINT32 size, PVOID info) {
  UINT32 *numbers = info;
  if (size != 4 * sizeof *numbers) return 0x80284002;
  numbers[0] = 1;
  numbers[1] = 2;
  return 0;
}
