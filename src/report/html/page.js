
(function () {
  "use strict";
  var all = function (selector, within) { return Array.prototype.slice.call((within || document).querySelectorAll(selector)); };
  var byId = function (id) { return document.getElementById(id); };
  all(".filters").forEach(function (part) { part.hidden = false; });

  var controls = all("#controls .control").map(function (node) {
    return { node: node, text: node.textContent.toLowerCase(), status: node.dataset.status, level: node.dataset.level, required: "required" in node.dataset };
  });
  var chips = all(".chip");

  function filter() {
    var statuses = chips.filter(function (chip) { return chip.getAttribute("aria-pressed") === "true"; })
      .map(function (chip) { return chip.dataset.status; });
    var level = byId("level").value, required = byId("required").checked;
    var words = byId("text").value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    controls.forEach(function (control) {
      var show = statuses.indexOf(control.status) >= 0 && (!level || control.level === level) && (!required || control.required)
        && words.every(function (word) { return control.text.indexOf(word) >= 0; });
      control.node.hidden = !show;
      if (show) { shown += 1; }
    });
    all("[data-section]").forEach(function (section) { section.hidden = !section.querySelector(".control:not([hidden])"); });
    byId("shown").textContent = shown === controls.length ? "All " + shown + " controls are shown." : shown + " of " + controls.length + " controls are shown.";
  }

  if (controls.length) {
    chips.forEach(function (chip) {
      chip.addEventListener("click", function () {
        chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") === "true" ? "false" : "true");
        filter();
      });
    });
    byId("level").addEventListener("change", filter);
    byId("required").addEventListener("change", filter);
    byId("text").addEventListener("input", filter);
    byId("expand").addEventListener("click", function () { controls.forEach(function (control) { if (!control.node.hidden) { control.node.open = true; } }); });
    byId("collapse").addEventListener("click", function () { controls.forEach(function (control) { control.node.open = false; }); });
    filter();
  } else {
    byId("shown").parentNode.hidden = true;
  }

  var search = byId("package");
  if (search) {
    var rows = all(".packages tbody tr").map(function (row) { return { row: row, text: row.textContent.toLowerCase() }; });
    search.addEventListener("input", function () {
      var wanted = search.value.trim().toLowerCase(), found = 0;
      rows.forEach(function (entry) {
        var show = entry.text.indexOf(wanted) >= 0;
        entry.row.hidden = !show;
        if (show) { found += 1; }
      });
      byId("found").textContent = wanted ? found + " of " + rows.length : "";
    });
  }

  // A link to a control opens it, and shows it where a filter hides it.
  function follow() {
    var target = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
    if (target && target.classList.contains("control")) {
      target.hidden = false;
      var section = target.closest("[data-section]");
      if (section) { section.hidden = false; }
      target.open = true;
      target.scrollIntoView();
    }
  }
  window.addEventListener("hashchange", follow);
  document.addEventListener("click", function (event) {
    var link = event.target.closest("a[href^='#control-']");
    if (link && link.getAttribute("href") === location.hash) { follow(); }
  });
  follow();
}());
