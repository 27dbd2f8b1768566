"""The service on a mail host: putting it there (`installation`), and finding what is wrong with it (`doctor`).

`answers` is what somebody decides, `configuration` and `files` what follows from that, `plan` the steps that are
still to be done, each of which says what it will do. `finding` is what the doctor tells; `of_…` are where it looks.
"""
