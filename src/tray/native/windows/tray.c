/*
 * Drawbridge's icon in the notification area of Windows: Shell_NotifyIcon, plain Win32, no C runtime.
 * It shows what it is told on its standard input and tells on its standard output what was clicked (../protocol.md).
 */
#define UNICODE
#define WINVER 0x0A00
#define _WIN32_WINNT 0x0A00
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <shellapi.h>
#include <tlhelp32.h>
#include "../lines.h"

enum { WM_ICON = WM_APP + 1, WM_LINE, WM_SHOW_PAGE };
enum { MAX_ITEMS = 64, MAX_ID = 32, MAX_LABEL = 256, FIRST_COMMAND = 100 };

enum kind { ITEM, SEPARATOR, SUBMENU, SUBMENU_END };
struct item {
  enum kind kind;
  BOOL disabled;
  char id[MAX_ID];
  WCHAR label[MAX_LABEL];
};
struct menu {
  int count;
  struct item items[MAX_ITEMS];
};

static const WCHAR CLASS_NAME[] = L"DrawbridgeTray";

static HWND window;
static NOTIFYICONDATAW icon;
static BOOL is_added;
static UINT taskbar_created;
/* What the icon offers; what is being told; what is open on the screen, which a new menu must not change. */
static struct menu current, building, opened;

/* ---- saying ---- */

static void say(const char *word, const char *value) {
  char line[MAX_ID + 64];
  int length = 0;
  for (; *word && length < 32; word++) line[length++] = *word;
  if (value) line[length++] = '\t';
  for (; value && *value && length < (int)sizeof line - 2; value++) line[length++] = *value;
  line[length++] = '\n';
  DWORD written;
  WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, length, &written, NULL);
}

/* ---- texts ---- */

/* UTF-8 to UTF-16, cut to what fits. */
static void widen(const char *text, WCHAR *into, int size) {
  static WCHAR whole[MAX_LINE];
  if (!MultiByteToWideChar(CP_UTF8, 0, text, -1, whole, MAX_LINE)) whole[0] = 0;
  lstrcpynW(into, whole, size);
  const int length = lstrlenW(into);
  /* Never the first half of a character alone. */
  if (length > 0 && into[length - 1] >= 0xD800 && into[length - 1] < 0xDC00) into[length - 1] = 0;
}

/* A label; a single & would underline what follows it. */
static void widen_label(const char *text, WCHAR *into) {
  WCHAR plain[MAX_LABEL];
  widen(text, plain, MAX_LABEL);
  int length = 0;
  for (int i = 0; plain[i] && length < MAX_LABEL - 2; i++) {
    if (plain[i] == '&') into[length++] = '&';
    into[length++] = plain[i];
  }
  into[length] = 0;
}

/* ---- the icon ---- */

static void load_icon(int resource) {
  const HICON before = icon.hIcon;
  const int width = GetSystemMetrics(SM_CXSMICON), height = GetSystemMetrics(SM_CYSMICON);
  icon.hIcon = LoadImageW(GetModuleHandleW(NULL), MAKEINTRESOURCEW(resource), IMAGE_ICON, width, height, 0);
  if (before) DestroyIcon(before);
}

/* Adds the icon, or changes it. Explorer may not be there yet: its start is announced to us (taskbar_created). */
static void push_icon(void) {
  icon.uFlags = NIF_MESSAGE | NIF_ICON | NIF_TIP | NIF_SHOWTIP;
  if (is_added && Shell_NotifyIconW(NIM_MODIFY, &icon)) return;
  is_added = Shell_NotifyIconW(NIM_ADD, &icon);
  icon.uVersion = NOTIFYICON_VERSION_4;
  if (is_added) Shell_NotifyIconW(NIM_SETVERSION, &icon);
}

static int colour_resource;

static void show_state(const char *colour, const char *tip) {
  colour_resource = same(colour, "green") ? 1 : same(colour, "amber") ? 2 : same(colour, "red") ? 3 : 4;
  load_icon(colour_resource);
  widen(tip, icon.szTip, ARRAYSIZE(icon.szTip));
  push_icon();
}

static void notify(const char *level, const char *flags, const char *title, const char *body) {
  const DWORD sign = same(level, "error") ? NIIF_ERROR : same(level, "warn") ? NIIF_WARNING : NIIF_INFO;
  icon.dwInfoFlags = sign | (has_flag(flags, 'u') ? 0 : NIIF_RESPECT_QUIET_TIME);
  widen(title, icon.szInfoTitle, ARRAYSIZE(icon.szInfoTitle));
  widen(body, icon.szInfo, ARRAYSIZE(icon.szInfo));
  icon.uFlags = NIF_INFO | NIF_MESSAGE | NIF_ICON | NIF_TIP | NIF_SHOWTIP;
  Shell_NotifyIconW(NIM_MODIFY, &icon);
}

/* ---- the menu ---- */

static struct item *add_item(enum kind kind) {
  if (building.count == MAX_ITEMS) return NULL;
  struct item *item = &building.items[building.count++];
  ZeroMemory(item, sizeof *item);
  item->kind = kind;
  return item;
}

static void add_labelled(enum kind kind, const char *id, const char *flags, const char *label) {
  struct item *item = add_item(kind);
  if (!item) return;
  lstrcpynA(item->id, id, MAX_ID);
  item->disabled = has_flag(flags, 'd');
  widen_label(label, item->label);
}

static HMENU build_popup(const struct menu *menu) {
  HMENU top = CreatePopupMenu(), into = top;
  for (int i = 0; i < menu->count; i++) {
    const struct item *item = &menu->items[i];
    if (item->kind == SEPARATOR) AppendMenuW(into, MF_SEPARATOR, 0, NULL);
    if (item->kind == ITEM) AppendMenuW(into, item->disabled ? MF_GRAYED : MF_STRING, FIRST_COMMAND + i, item->label);
    if (item->kind == SUBMENU_END) into = top;
    if (item->kind == SUBMENU && into == top) {
      into = CreatePopupMenu();
      AppendMenuW(top, MF_POPUP, (UINT_PTR)into, item->label);
    }
  }
  return top;
}

static void open_menu(int x, int y) {
  opened = current;
  HMENU menu = build_popup(&opened);
  const UINT side = GetSystemMetrics(SM_MENUDROPALIGNMENT) ? TPM_RIGHTALIGN : TPM_LEFTALIGN;
  /* Without being in the foreground the menu would not close when somebody clicks elsewhere. */
  SetForegroundWindow(window);
  const int chosen = TrackPopupMenuEx(menu, TPM_RETURNCMD | TPM_NONOTIFY | TPM_RIGHTBUTTON | side, x, y, window, NULL);
  PostMessageW(window, WM_NULL, 0, 0);
  DestroyMenu(menu);
  const int index = chosen - FIRST_COMMAND;
  if (chosen && index >= 0 && index < opened.count && opened.items[index].id[0]) say("click", opened.items[index].id);
}

/* ---- what we are told ---- */

/* Presenting, a film or a game in full screen, a locked screen, the first hour after an installation. */
static const char *quiet(void) {
  QUERY_USER_NOTIFICATION_STATE state;
  if (FAILED(SHQueryUserNotificationState(&state))) return "?";
  return state == QUNS_ACCEPTS_NOTIFICATIONS || state == QUNS_APP ? "0" : "1";
}

static BOOL open_address(const char *address) {
  WCHAR wide[MAX_LABEL];
  if (!is_known_address(address) || lstrlenA(address) >= MAX_LABEL) return FALSE;
  widen(address, wide, MAX_LABEL);
  return (INT_PTR)ShellExecuteW(NULL, L"open", wide, NULL, NULL, SW_SHOWNORMAL) > 32;
}

static void obey(char *line) {
  char *f[MAX_FIELDS];
  const int count = split_line(line, f);
  switch (f[0][0]) {
    case 'S': if (count > 2) show_state(f[1], f[2]); break;
    case 'M': building.count = 0; break;
    case 'I': if (count > 3) add_labelled(ITEM, f[1], f[2], f[3]); break;
    case '-': add_item(SEPARATOR); break;
    case '>': if (count > 1) add_labelled(SUBMENU, "", "", f[1]); break;
    case '<': add_item(SUBMENU_END); break;
    case 'E': current = building; break;
    case 'N': if (count > 4) notify(f[1], f[2], f[3], f[4]); break;
    case 'W': notify("info", "", "", ""); break;
    case '?': say("quiet", quiet()); break;
    case 'O': if (count > 1) say("opened", open_address(f[1]) ? "1" : "0"); break;
    case 'X': PostMessageW(window, WM_CLOSE, 0, 0); break;
  }
}

static DWORD WINAPI read_input(LPVOID nothing) {
  (void)nothing;
  static struct reader reader;
  static char bytes[4096];
  DWORD count;
  while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), bytes, sizeof bytes, &count, NULL) && count > 0)
    for (DWORD i = 0; i < count; i++)
      if (take_byte(&reader, bytes[i])) SendMessageW(window, WM_LINE, 0, (LPARAM)reader.line);
  /* Whoever started us is gone. */
  PostMessageW(window, WM_CLOSE, 0, 0);
  return 0;
}

/* ---- the window that nobody sees ---- */

static void icon_event(WPARAM where, UINT event) {
  switch (event) {
    case WM_CONTEXTMENU: open_menu((short)LOWORD(where), (short)HIWORD(where)); break;
    case NIN_SELECT:
    case NIN_KEYSELECT: say("open", NULL); break;
    case NIN_BALLOONUSERCLICK: say("note", "open"); break;
  }
}

static LRESULT CALLBACK on_message(HWND target, UINT message, WPARAM wide, LPARAM lparam) {
  if (taskbar_created && message == taskbar_created) {
    is_added = FALSE;
    push_icon();
    return 0;
  }
  switch (message) {
    case WM_ICON: icon_event(wide, LOWORD(lparam)); return 0;
    case WM_LINE: obey((char *)lparam); return 0;
    case WM_SHOW_PAGE: say("open", NULL); return 0;
    /* Another size of icon, perhaps. */
    case WM_DISPLAYCHANGE:
    case WM_SETTINGCHANGE:
      if (is_added && colour_resource) {
        load_icon(colour_resource);
        push_icon();
      }
      return 0;
    /* An open menu has a loop of its own, which would not hear that it is over. */
    case WM_CLOSE:
      EndMenu();
      DestroyWindow(target);
      return 0;
    case WM_DESTROY:
      Shell_NotifyIconW(NIM_DELETE, &icon);
      PostQuitMessage(0);
      return 0;
  }
  return DefWindowProcW(target, message, wide, lparam);
}

static BOOL line_ends_with(const WCHAR *words) {
  const WCHAR *line = GetCommandLineW();
  const int length = lstrlenW(line), wanted = lstrlenW(words);
  return length > wanted && lstrcmpW(line + length - wanted, words) == 0;
}

/* Whether the last word of the command line is `open`: somebody wants to see the page. */
static BOOL wants_page(void) {
  return line_ends_with(L" open");
}

/* ---- starting the tray ---- */

static const WCHAR TRAY[] = L"drawbridge.exe";

/* `start`, from the Run key, or `start open`, from the menu: the tray is a program for consoles, and gets none. */
static int start_tray(void) {
  static WCHAR path[1024], line[1100];
  const int length = (int)GetModuleFileNameW(NULL, path, ARRAYSIZE(path) - ARRAYSIZE(TRAY));
  if (length == 0 || length >= (int)(ARRAYSIZE(path) - ARRAYSIZE(TRAY))) return 2;
  int folder = length;
  while (folder > 0 && path[folder - 1] != '\\') folder--;
  lstrcpynW(path + folder, TRAY, ARRAYSIZE(TRAY));
  line[0] = '"';
  lstrcpynW(line + 1, path, ARRAYSIZE(path));
  lstrcpynW(line + lstrlenW(line), wants_page() ? L"\" tray --open" : L"\" tray", 32);
  STARTUPINFOW startup = {.cb = sizeof startup};
  PROCESS_INFORMATION process;
  if (!CreateProcessW(path, line, NULL, NULL, FALSE, CREATE_NO_WINDOW, NULL, NULL, &startup, &process)) return 2;
  CloseHandle(process.hThread);
  CloseHandle(process.hProcess);
  return 0;
}

/* ---- ending what runs, for the installer ---- */

enum { MOST_PASSES = 3, END_MS = 10000 };

/* Whether both lie in the same folder. */
static BOOL beside(const WCHAR *one, const WCHAR *other) {
  static WCHAR folder[1024], another[1024];
  const WCHAR *paths[] = {one, other};
  WCHAR *folders[] = {folder, another};
  for (int i = 0; i < 2; i++) {
    int length = lstrlenW(paths[i]);
    while (length > 0 && paths[i][length - 1] != '\\') length--;
    if (length == 0 || length >= (int)ARRAYSIZE(folder)) return FALSE;
    lstrcpynW(folders[i], paths[i], length + 1);
  }
  return lstrcmpiW(folder, another) == 0;
}

/* Ends a process if its program lies beside our own, and waits until it has: its files are free then. */
static BOOL end_if_ours(DWORD id, const WCHAR *own) {
  static WCHAR path[1024];
  DWORD size = ARRAYSIZE(path);
  const HANDLE process = OpenProcess(PROCESS_TERMINATE | PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, id);
  if (!process) return FALSE;
  const BOOL is_ours = QueryFullProcessImageNameW(process, 0, path, &size) && beside(path, own);
  if (is_ours && TerminateProcess(process, 0)) WaitForSingleObject(process, END_MS);
  CloseHandle(process);
  return is_ours;
}

static BOOL end_some(const WCHAR *own) {
  BOOL has_found = FALSE;
  PROCESSENTRY32W entry = {.dwSize = sizeof entry};
  const HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
  if (all == INVALID_HANDLE_VALUE) return FALSE;
  for (BOOL more = Process32FirstW(all, &entry); more; more = Process32NextW(all, &entry))
    if (entry.th32ProcessID != GetCurrentProcessId() && end_if_ours(entry.th32ProcessID, own)) has_found = TRUE;
  CloseHandle(all);
  return has_found;
}

/* `end`: every other process whose program lies in our folder; of that name elsewhere is none of ours. */
static int end_others(void) {
  static WCHAR own[1024];
  const DWORD length = GetModuleFileNameW(NULL, own, ARRAYSIZE(own));
  if (length == 0 || length >= ARRAYSIZE(own)) return 2;
  /* One that ended may have started another. */
  for (int pass = 0; pass < MOST_PASSES && end_some(own); pass++) {
  }
  return 0;
}

/* ---- the helper itself ---- */

/* There is one in this session already: it is asked to show the page, if that is wanted. */
static void hand_over(void) {
  HWND other = FindWindowW(CLASS_NAME, NULL);
  DWORD process = 0;
  if (other && wants_page() && GetWindowThreadProcessId(other, &process)) {
    AllowSetForegroundWindow(process);
    PostMessageW(other, WM_SHOW_PAGE, 0, 0);
  }
  say("already", NULL);
}

static BOOL make_window(HINSTANCE instance) {
  WNDCLASSEXW class = {.cbSize = sizeof class, .lpfnWndProc = on_message, .hInstance = instance, .lpszClassName = CLASS_NAME};
  RegisterClassExW(&class);
  taskbar_created = RegisterWindowMessageW(L"TaskbarCreated");
  window = CreateWindowExW(0, CLASS_NAME, L"Drawbridge", 0, 0, 0, 0, 0, NULL, NULL, instance, NULL);
  if (!window) return FALSE;
  /* Explorer runs with fewer rights than an administrator's session may give us. */
  ChangeWindowMessageFilterEx(window, taskbar_created, MSGFLT_ALLOW, NULL);
  icon.cbSize = sizeof icon;
  icon.hWnd = window;
  icon.uID = 1;
  icon.uCallbackMessage = WM_ICON;
  return TRUE;
}

static int run(void) {
  if (line_ends_with(L" start") || line_ends_with(L" start open")) return start_tray();
  if (line_ends_with(L" end")) return end_others();
  CreateMutexW(NULL, FALSE, L"Local\\DrawbridgeTray");
  if (GetLastError() == ERROR_ALREADY_EXISTS) {
    hand_over();
    return 0;
  }
  if (!make_window(GetModuleHandleW(NULL))) return 2;
  say("ready", NULL);
  if (!CreateThread(NULL, 0, read_input, NULL, 0, NULL)) return 2;
  MSG message;
  while (GetMessageW(&message, NULL, 0, 0) > 0) {
    TranslateMessage(&message);
    DispatchMessageW(&message);
  }
  return 0;
}

void start(void) {
  ExitProcess(run());
}

/* What the compiler calls by itself; there is no library to bring them. */
void *memset(void *to, int value, size_t count) {
  volatile unsigned char *byte = to;
  while (count--) *byte++ = (unsigned char)value;
  return to;
}

void *memcpy(void *to, const void *from, size_t count) {
  volatile unsigned char *byte = to;
  const unsigned char *source = from;
  while (count--) *byte++ = *source++;
  return to;
}
