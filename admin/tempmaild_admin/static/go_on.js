// A long work that goes on with the next request: the form that its reader would send is sent for them.
document.querySelector("form[data-goes-on]").requestSubmit();
