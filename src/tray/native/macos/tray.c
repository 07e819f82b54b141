/*
 * Drawbridge's item in the menu bar of macOS: AppKit by way of the Objective-C runtime, in C, so that it can be built
 * without Apple's SDK. It shows what it is told on its standard input and tells on its standard output what was
 * clicked (../protocol.md). Notifications need a bundle with a signature: without one there are none.
 */
#include "../lines.h"
#include "icons.h"

typedef unsigned long size_t;
typedef long ssize_t;
typedef signed char BOOL;
typedef double CGFloat;
typedef struct objc_object *id;
typedef struct objc_selector *SEL;
typedef struct { CGFloat width, height; } NSSize;

/* Declared here in place of headers that only Apple may give away; the build's .tbd files name where they are. */
extern void *dlopen(const char *path, int mode);
extern ssize_t read(int file, void *into, size_t count);
extern ssize_t write(int file, const void *from, size_t count);
extern void free(void *memory);
extern char *strdup(const char *text);
extern size_t strlen(const char *text);
extern void exit(int code);
extern int pthread_create(void **thread, const void *attributes, void *(*routine)(void *), void *argument);
extern char _dispatch_main_q;
extern void dispatch_async_f(void *queue, void *context, void (*work)(void *));
extern void objc_msgSend(void);
extern id objc_getClass(const char *name);
extern SEL sel_registerName(const char *name);
extern id objc_allocateClassPair(id superclass, const char *name, size_t extra);
extern void objc_registerClassPair(id class);
extern BOOL class_addMethod(id class, SEL name, void *implementation, const char *types);
extern void *objc_autoreleasePoolPush(void);
extern void objc_autoreleasePoolPop(void *pool);

enum { RTLD_NOW = 2, ACCESSORY = 1, MAX_BUTTONS = 4, ICON_POINTS = 18 };
enum { MAY_ALERT = 1 << 2, SHOW_IN_LIST = 1 << 3, SHOW_BANNER = 1 << 4, TELL_DISMISSED = 1 << 0 };
static const CGFloat SQUARE = -2.0;

/* ---- sending messages: a cast for each shape of call ---- */

static id class_of(const char *name) { return objc_getClass(name); }
static SEL sel(const char *name) { return sel_registerName(name); }
static id send(id to, const char *what) { return ((id(*)(id, SEL))objc_msgSend)(to, sel(what)); }
static id send_id(id to, const char *what, id with) { return ((id(*)(id, SEL, id))objc_msgSend)(to, sel(what), with); }
static id send_int(id to, const char *what, long with) { return ((id(*)(id, SEL, long))objc_msgSend)(to, sel(what), with); }
static void send_bool(id to, const char *what, BOOL with) { ((void (*)(id, SEL, BOOL))objc_msgSend)(to, sel(what), with); }
static id text(const char *utf8) {
  const id string = ((id(*)(id, SEL, const char *))objc_msgSend)(class_of("NSString"), sel("stringWithUTF8String:"), utf8);
  /* Null for what is no UTF-8, which no label may be. */
  return string ? string : text("");
}
static const char *utf8_of(id string) { return string ? (const char *)send(string, "UTF8String") : ""; }

static id item, menu, submenu, target;
static id center;
static id buttons[MAX_BUTTONS];
static int button_count;

/* ---- saying ---- */

static void say(const char *word, const char *value) {
  char line[256];
  size_t length = 0;
  for (; *word && length < 32; word++) line[length++] = *word;
  if (value) line[length++] = '\t';
  for (; value && *value && length < sizeof line - 2; value++) line[length++] = *value;
  line[length++] = '\n';
  write(1, line, length);
}

/* ---- icon and menu ---- */

static void show_state(const char *colour, const char *tip) {
  const struct icon_file *file = &icon_files[3];
  for (int i = 0; i < 3; i++)
    if (same(colour, icon_files[i].colour)) file = &icon_files[i];
  const id data = ((id(*)(id, SEL, const void *, unsigned long))objc_msgSend)(
      class_of("NSData"), sel("dataWithBytes:length:"), file->bytes, file->length);
  const id image = send_id(send(class_of("NSImage"), "alloc"), "initWithData:", data);
  const NSSize size = {ICON_POINTS, ICON_POINTS};
  ((void (*)(id, SEL, NSSize))objc_msgSend)(image, sel("setSize:"), size);
  const id button = send(item, "button");
  send_id(button, "setImage:", image);
  send_id(button, "setToolTip:", text(tip));
  send_id(button, "setAccessibilityLabel:", text(tip));
  send(image, "release");
}

static void on_click(id self, SEL command, id sender) {
  (void)self, (void)command;
  say("click", utf8_of(send(sender, "representedObject")));
}

static id new_menu(void) {
  const id made = send(send(class_of("NSMenu"), "alloc"), "init");
  send_bool(made, "setAutoenablesItems:", 0);
  return made;
}

static id add_line(id into, const char *label, SEL action) {
  return ((id(*)(id, SEL, id, SEL, id))objc_msgSend)(
      into, sel("addItemWithTitle:action:keyEquivalent:"), text(label), action, text(""));
}

static void add_item(const char *name, const char *flags, const char *label) {
  const id line = add_line(submenu ? submenu : menu, label, sel("onClick:"));
  send_id(line, "setTarget:", target);
  send_id(line, "setRepresentedObject:", text(name));
  send_bool(line, "setEnabled:", !has_flag(flags, 'd') && name[0]);
}

static void begin_submenu(const char *label) {
  submenu = new_menu();
  send_id(add_line(menu, label, 0), "setSubmenu:", submenu);
  send(submenu, "release");
}

/* ---- notifications ---- */

/* Asking for the notification centre without a bundle ends the process: nothing can catch it. */
static void open_center(void) {
  const id bundle = send(class_of("NSBundle"), "mainBundle");
  if (!bundle || !send(bundle, "bundleIdentifier")) return;
  if (!send_id(send(bundle, "bundlePath"), "hasSuffix:", text(".app"))) return;
  if (!dlopen("/System/Library/Frameworks/UserNotifications.framework/UserNotifications", RTLD_NOW)) return;
  center = send(class_of("UNUserNotificationCenter"), "currentNotificationCenter");
  if (!center) return;
  send_id(center, "setDelegate:", target);
  void (^answered)(BOOL, id) = ^(BOOL granted, id error) { (void)granted, (void)error; };
  ((void (*)(id, SEL, unsigned long, id))objc_msgSend)(
      center, sel("requestAuthorizationWithOptions:completionHandler:"), MAY_ALERT, (id)answered);
}

/* A notification's own id: the next one takes its place. */
static id note_id(void) { return text("drawbridge"); }

static void add_button(const char *action, const char *label) {
  if (!center || button_count == MAX_BUTTONS) return;
  const id made = ((id(*)(id, SEL, id, id, unsigned long))objc_msgSend)(
      class_of("UNNotificationAction"), sel("actionWithIdentifier:title:options:"), text(action), text(label), 0);
  buttons[button_count++] = send(made, "retain");
}

/* Buttons belong to a category, which is told anew for each notification. */
static void set_category(void) {
  const id actions = ((id(*)(id, SEL, id *, unsigned long))objc_msgSend)(
      class_of("NSArray"), sel("arrayWithObjects:count:"), buttons, (unsigned long)button_count);
  const id none = send(class_of("NSArray"), "array");
  const id category = ((id(*)(id, SEL, id, id, id, unsigned long))objc_msgSend)(
      class_of("UNNotificationCategory"), sel("categoryWithIdentifier:actions:intentIdentifiers:options:"),
      note_id(), actions, none, TELL_DISMISSED);
  send_id(center, "setNotificationCategories:", send_id(class_of("NSSet"), "setWithObject:", category));
  while (button_count > 0) send(buttons[--button_count], "release");
}

static void notify(const char *title, const char *body) {
  if (!center) return;
  set_category();
  const id content = send(send(class_of("UNMutableNotificationContent"), "alloc"), "init");
  send_id(content, "setTitle:", text(title));
  send_id(content, "setBody:", text(body));
  send_id(content, "setCategoryIdentifier:", note_id());
  const id request = ((id(*)(id, SEL, id, id, id))objc_msgSend)(
      class_of("UNNotificationRequest"), sel("requestWithIdentifier:content:trigger:"), note_id(), content, (id)0);
  ((void (*)(id, SEL, id, id))objc_msgSend)(
      center, sel("addNotificationRequest:withCompletionHandler:"), request, (id)0);
  send(content, "release");
}

static void withdraw(void) {
  if (!center) return;
  send_id(center, "removeDeliveredNotificationsWithIdentifiers:", send_id(class_of("NSArray"), "arrayWithObject:", note_id()));
}

static void on_response(id self, SEL command, id from, id response, void (^done)(void)) {
  (void)self, (void)command, (void)from;
  const char *action = utf8_of(send(response, "actionIdentifier"));
  if (same(action, "com.apple.UNNotificationDismissActionIdentifier")) say("dismissed", 0);
  else if (same(action, "com.apple.UNNotificationDefaultActionIdentifier")) say("note", "open");
  else say("note", action);
  done();
}

/* Shown even while we are the active program, which we are after a click on the menu. */
static void on_present(id self, SEL command, id from, id notification, void (^done)(unsigned long)) {
  (void)self, (void)command, (void)from, (void)notification;
  done(SHOW_BANNER | SHOW_IN_LIST);
}

/* ---- what we are told ---- */

static BOOL open_address(const char *address) {
  if (!is_known_address(address)) return 0;
  const id url = send_id(class_of("NSURL"), "URLWithString:", text(address));
  const id workspace = send(class_of("NSWorkspace"), "sharedWorkspace");
  return url && ((BOOL(*)(id, SEL, id))objc_msgSend)(workspace, sel("openURL:"), url);
}

static void obey(void *given) {
  char *f[MAX_FIELDS];
  const int count = split_line(given, f);
  void *pool = objc_autoreleasePoolPush();
  switch (f[0][0]) {
    case 'S': if (count > 2) show_state(f[1], f[2]); break;
    case 'M': send(menu, "removeAllItems"); submenu = 0; break;
    case 'I': if (count > 3) add_item(f[1], f[2], f[3]); break;
    case '-': send_id(menu, "addItem:", send(class_of("NSMenuItem"), "separatorItem")); break;
    case '>': if (count > 1) begin_submenu(f[1]); break;
    case '<': submenu = 0; break;
    case 'B': if (count > 2) add_button(f[1], f[2]); break;
    case 'N': if (count > 4) notify(f[3], f[4]); break;
    case 'W': withdraw(); break;
    /* Focus cannot be asked for; the system itself keeps notifications back. */
    case '?': say("quiet", "?"); break;
    case 'O': if (count > 1) say("opened", open_address(f[1]) ? "1" : "0"); break;
    case 'X': exit(0);
  }
  objc_autoreleasePoolPop(pool);
  free(given);
}

/* Whoever started us is gone. */
static void leave(void *nothing) {
  (void)nothing;
  exit(0);
}

/* AppKit may be called by the main thread alone. */
static void *read_input(void *nothing) {
  (void)nothing;
  static struct reader reader;
  static char bytes[4096];
  ssize_t count;
  while ((count = read(0, bytes, sizeof bytes)) > 0)
    for (ssize_t i = 0; i < count; i++)
      if (take_byte(&reader, bytes[i])) dispatch_async_f(&_dispatch_main_q, strdup(reader.line), obey);
  dispatch_async_f(&_dispatch_main_q, 0, leave);
  return 0;
}

static void make_target(void) {
  const id class = objc_allocateClassPair(class_of("NSObject"), "DrawbridgeTarget", 0);
  class_addMethod(class, sel("onClick:"), (void *)on_click, "v@:@");
  class_addMethod(class, sel("userNotificationCenter:didReceiveNotificationResponse:withCompletionHandler:"),
                  (void *)on_response, "v@:@@@?");
  class_addMethod(class, sel("userNotificationCenter:willPresentNotification:withCompletionHandler:"),
                  (void *)on_present, "v@:@@@?");
  objc_registerClassPair(class);
  target = send(send(class, "alloc"), "init");
}

int main(void) {
  if (!dlopen("/System/Library/Frameworks/AppKit.framework/AppKit", RTLD_NOW)) return 2;
  void *pool = objc_autoreleasePoolPush();
  const id app = send(class_of("NSApplication"), "sharedApplication");
  send_int(app, "setActivationPolicy:", ACCESSORY);
  make_target();
  menu = new_menu();
  const id bar = send(class_of("NSStatusBar"), "systemStatusBar");
  item = send(((id(*)(id, SEL, CGFloat))objc_msgSend)(bar, sel("statusItemWithLength:"), SQUARE), "retain");
  send_id(item, "setMenu:", menu);
  show_state("grey", "Drawbridge");
  open_center();
  void *thread;
  if (pthread_create(&thread, 0, read_input, 0) != 0) return 2;
  say("ready", 0);
  objc_autoreleasePoolPop(pool);
  send(app, "run");
  return 0;
}
