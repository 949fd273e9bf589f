name = 1                                                                                                                                                      ; import os
